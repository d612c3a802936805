import Glibc
import LoadGenerator
import Results

/// From exec to the first answer, seen from outside.
enum ColdStartExperiments {
    /// What is asked of a program that has just been started.
    private enum First {
        case answer, row, job

        var figure: Figure {
            switch self {
            case .answer: .firstAnswer
            case .row: .firstRow
            case .job: .firstJob
            }
        }
    }

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        [
            make("cold-answer", "From exec to the first answer, to GET /health", .answer, effort),
            make("cold-heartbeat", "From exec to the answer to a heartbeat that is stored", .row, effort),
            make("cold-question", "From exec to the answer to a question that is dispatched", .job, effort),
        ]
    }

    private static func make(_ name: String, _ title: String, _ first: First, _ effort: Experiment.Effort)
        -> Experiment
    {
        Experiment(
            scenario: Scenario(name: name, group: .coldStart, title: title, series: name),
            rounds: effort.starts,
            arrange: { try $0.post("/settings", ["recording": true]) },
            // Once unmeasured, so that the program's file is in the page cache for every round.
            warmUp: { session in try session.start() },
            measure: { session, measurement in
                try session.stop()
                // An ended process's calls may still be on their way when the cloud forgets.
                Clock.sleep(milliseconds: 20)
                try session.cloud.forget()
                try measure(first, session, &measurement)
                try session.stop()
            })
    }

    private static func measure(_ first: First, _ session: Session, _ measurement: inout Measurement) throws {
        let request = try bytes(first, session)
        let process = try session.launch()
        let socket = try session.connectAsSoonAsPossible(to: process)
        defer { socket.close() }
        let listening = Clock.now()
        let status = try session.exchange(request, on: socket)
        let answered = Clock.now()
        guard status == 200 || first == .answer else {
            throw BenchError("\(session.program.name): the first answer is \(status)")
        }
        measurement.events = 1
        measurement.seconds = Double(answered - process.started) / 1e9
        measurement.figures[first.figure] = Double(answered - process.started) / 1e6
        var moments: [(String, UInt64)] = [("listens", listening), ("answers", answered)]
        for request in try session.cloud.requests() where first != .answer {
            guard let name = name(of: request), !moments.contains(where: { $0.0 == name }) else { continue }
            moments.append((name, request.receivedMonotonicNanoseconds))
        }
        measurement.phases = phases(moments, from: process.started)
    }

    private static func bytes(_ first: First, _ session: Session) throws -> [UInt8] {
        if first == .answer { return Array("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8) }
        var bytes: [UInt8] = []
        _ = try EventExperiments.source(first == .row ? .heartbeat : .question, session).write(into: &bytes)
        return bytes
    }

    /// What a request to the cloud shows of the start.
    private static func name(of request: Cloud.Request) -> String? {
        switch request.service {
        case "metadata": request.target.contains("/token") ? "asks for a token" : nil
        case "container": "asks for the cluster"
        case "bigquery": request.target.contains("insertAll") ? "stores the row" : nil
        case "kubernetes": request.method == "POST" ? "creates the Job" : nil
        default: nil
        }
    }

    /// The stretches between the moments, in their order in time; each is called after the moment that ends
    /// it.
    static func phases(_ moments: [(name: String, time: UInt64)], from start: UInt64) -> [Phase] {
        var last = 0.0
        return moments.sorted { $0.time < $1.time }.map { moment in
            let end = Double(moment.time - min(start, moment.time)) / 1e6
            defer { last = end }
            return Phase(name: moment.name, startMilliseconds: last, endMilliseconds: end)
        }
    }
}
