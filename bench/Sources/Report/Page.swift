import Foundation
package import Results

/// The report of a run: one page that needs nothing else.
package enum Page {
    /// The page as HTML. `previous` is what the run is compared with.
    package static func html(
        of result: BenchmarkResult, goals: [Goal] = [], previous: BenchmarkResult? = nil
    ) -> String {
        let sections = Sections(result: result)
        var parts = [header(result), Summary.headlines(of: result)]
        if let table = Summary.table(goals, in: result) {
            parts.append(
                Markup.element(
                    "section", ["id": "summary"], [Markup.text("h2", "Beside the goals"), table]))
        }
        parts += [
            sections.latency(), sections.throughput(), sections.coldStart(), sections.sizes(),
            sections.memory(), sections.others(),
        ]
        if let previous {
            parts.append(
                Markup.element(
                    "section", ["id": "changes"],
                    [Markup.text("h2", "Since the last result"), Changes.section(result, since: previous)]))
        }
        parts.append(sections.tables())
        return document("Benchmark of \(result.commit)", Markup.element("main", parts))
    }

    private static func document(_ title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(Markup.escaped(title))</title>
        <style>
        \(Style.sheet)
        </style>
        </head>
        <body>
        \(body)
        </body>
        </html>

        """
    }

    private static func header(_ result: BenchmarkResult) -> String {
        let targets = Targets(result)
        let names = targets.all.map { targets.key($0.number, $0.name) }.joined(separator: " ")
        let facts =
            "Commit \(result.commit), \(day(result.date)), \(result.extent.rawValue) run. "
            + "\(machine(result.machine)). "
            + "The programs took turns; what is shown are medians of the rounds."
        let remarks = result.remarks.map { Markup.text("li", $0) }
        return Markup.element(
            "header",
            [
                Markup.text("h1", "Benchmark"), Markup.element("p", ["class": "targets"], names),
                Markup.text("p", ["class": "lead"], facts),
                remarks.isEmpty ? "" : Markup.element("ul", ["class": "remarks"], remarks),
            ])
    }

    static func machine(_ machine: Machine) -> String {
        "\(machine.processor), \(machine.cores) cores, "
            + NumberText.bytes(Double(machine.memoryMebibytes) * 1_048_576)
            + ", \(machine.kernel), \(machine.system)"
    }

    /// A date of ISO 8601 without its seconds.
    static func day(_ date: String) -> String {
        date.prefix(16).replacingOccurrences(of: "T", with: " ") + " UTC"
    }
}
