import Foundation

/// Text of HTML and SVG. What comes from a result's file is escaped here, and nowhere else.
enum Markup {
    /// An element; its content is markup already. Attributes that are nil are left out.
    static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String?>, _ content: [String]
    ) -> String {
        "\(opening(name, attributes))>\(content.joined())</\(name)>"
    }

    static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String?>, _ content: String
    ) -> String {
        element(name, attributes, [content])
    }

    /// An element of text that is escaped.
    static func text(
        _ name: String, _ attributes: KeyValuePairs<String, String?>, _ text: String
    ) -> String {
        element(name, attributes, [escaped(text)])
    }

    static func element(_ name: String, _ content: [String]) -> String { element(name, [:], content) }
    static func element(_ name: String, _ content: String) -> String { element(name, [:], [content]) }
    static func text(_ name: String, _ text: String) -> String { Markup.text(name, [:], text) }

    /// An element of SVG without content.
    static func empty(_ name: String, _ attributes: KeyValuePairs<String, String?>) -> String {
        "\(opening(name, attributes))/>"
    }

    /// A coordinate with as many digits as a screen can show.
    static func number(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }

    static func percent(_ fraction: Double) -> String { "\(number(fraction * 100))%" }

    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.append(character)
            }
        }
        return result
    }

    private static func opening(_ name: String, _ attributes: KeyValuePairs<String, String?>) -> String {
        var text = "<\(name)"
        for (key, value) in attributes {
            if let value { text += " \(key)=\"\(escaped(value))\"" }
        }
        return text
    }
}
