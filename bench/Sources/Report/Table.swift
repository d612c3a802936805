/// A table of HTML that scrolls by itself where the screen is narrower.
struct Table {
    struct Cell {
        /// Markup.
        var content: String
        var classes: String?

        /// A cell of text.
        static func text(_ text: String, _ classes: String? = nil) -> Cell {
            Cell(content: Markup.escaped(text), classes: classes)
        }
    }

    var head: [Cell]
    /// The first cell of each row names it.
    var rows: [[Cell]] = []

    init(_ head: [String]) { self.head = head.map { .text($0) } }

    func markup() -> String {
        let headings = head.map { Markup.element("th", ["scope": "col", "class": $0.classes], $0.content) }
        let lines = rows.map { row in
            Markup.element(
                "tr",
                row.enumerated().map { index, cell in
                    index == 0
                        ? Markup.element("th", ["scope": "row", "class": cell.classes], cell.content)
                        : Markup.element("td", ["class": cell.classes], cell.content)
                })
        }
        let table = Markup.element(
            "table",
            [
                Markup.element("thead", Markup.element("tr", headings)), Markup.element("tbody", lines),
            ])
        return Markup.element("div", ["class": "scroll"], table)
    }
}
