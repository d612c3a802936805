import JSON
import Net
import TestSupport

@testable import Functions

/// A bug on purpose: the simulation must find it, or it would find nothing.
struct Canary: Sendable {
    let name: String
    let about: String
    var exchange: (@Sendable @EventLoopActor (any HTTPExchange, World) -> any HTTPExchange)?
    var handler: (@Sendable @EventLoopActor (Instance.Parts, World) -> any Handler)?
}

extension Canary {
    static let all: [Canary] = onTheWayIn + towardsBigQuery + towardsTheCluster + towardsPubSub + ofRetries

    private static let onTheWayIn = [
        Canary(name: "acknowledges-failure", about: "answers 200 where the handler said 503") { parts, _ in
            HandlerWrapper { request, deadline in
                let response = await parts.handler.handle(request, deadline: deadline)
                return response.status == 503 ? HTTPResponse(status: 200, body: Array("OK".utf8)) : response
            }
        },
        Canary(name: "dispatches-first", about: "creates the Job before the row is stored") { parts, _ in
            HandlerWrapper { request, deadline in
                if let message = try? CloudEvent.message(request.fields, body: request.body),
                    let event = try? Event(message), event.kind == .question,
                    let job = try? Job(of: event, settings: parts.settings)
                {
                    _ = await parts.kubernetes.create(job, deadline: deadline, context: .none)
                }
                return await parts.handler.handle(request, deadline: deadline)
            }
        },
        Canary(name: "answers-late", about: "handles a failed event once more after its deadline") {
            parts, _ in
            HandlerWrapper { request, deadline in
                let response = await parts.handler.handle(request, deadline: deadline)
                guard response.status == 503 else { return response }
                await EventLoop.shared.sleep(until: deadline)
                return await parts.handler.handle(request, deadline: .after(milliseconds: 10_000))
            }
        },
        Canary(name: "refuses-well-formed", about: "answers 400 where the handler said 503") { parts, _ in
            HandlerWrapper { request, deadline in
                let response = await parts.handler.handle(request, deadline: deadline)
                return response.status == 503 ? .text(400, "no") : response
            }
        },
    ]

    private static let towardsBigQuery = [
        Canary(name: "changes-insert-id", about: "draws a new insertId for each delivery") { inner, world in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                var request = request
                let suffix = String(world.random.below(1_000_000))
                request.body = request.body.replacing(#""insertId":""#, with: "\"insertId\":\"\(suffix)-")
                return await exchange(request, origin, deadline)
            }
        },
        Canary(name: "ignores-row-errors", about: "takes every 200 of BigQuery for stored") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                let result = await exchange(request, origin, deadline)
                guard origin.host == "bigquery.googleapis.com", case .success(let response) = result,
                    response.status == 200
                else { return result }
                return .success(HTTPResponse(status: 200, body: Array("{}".utf8)))
            }
        },
    ]

    private static let towardsTheCluster = [
        Canary(name: "second-name", about: "creates the Job under another name where its own is taken") {
            inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                let result = await exchange(request, origin, deadline)
                guard request.method == .post, case .success(let response) = result, response.status == 409
                else { return result }
                var second = request
                second.body = request.body.replacing(#""name":"question-"#, with: #""name":"question-2-"#)
                return await exchange(second, origin, deadline)
            }
        },
        Canary(name: "deletes-collection", about: "deletes every Job of the namespace") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                guard request.method == .delete else { return await exchange(request, origin, deadline) }
                var all = request
                all.target = ArraySlice(Array("/apis/batch/v1/namespaces/default/jobs/".utf8))
                return await exchange(all, origin, deadline)
            }
        },
        Canary(name: "forgets-cancellation", about: "takes a Job for deleted without asking") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                if request.method == .delete { return .success(HTTPResponse(status: 404)) }
                return await exchange(request, origin, deadline)
            }
        },
        Canary(name: "keeps-the-pods", about: "deletes Jobs without the propagation policy") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                var request = request
                if request.method == .delete { request.body = [] }
                return await exchange(request, origin, deadline)
            }
        },
        Canary(name: "trusts-any-conflict", about: "takes a quota's Conflict for a Job that exists") {
            inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                let result = await exchange(request, origin, deadline)
                guard request.method == .post, case .success(let response) = result, response.status == 409,
                    response.body.containsIgnoringCase("conflict")
                else { return result }
                return .success(HTTPResponse(status: 200))
            }
        },
    ]

    private static let towardsPubSub = [
        Canary(name: "drops-exception", about: "never publishes exception events") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                if request.target.suffix(14).equals("twined:publish") {
                    return .success(HTTPResponse(status: 200, body: Array("{}".utf8)))
                }
                return await exchange(request, origin, deadline)
            }
        },
        Canary(name: "drops-dead-letter", about: "acknowledges what is in no dead-letter topic") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                if request.target.suffix(12).equals("dead:publish") {
                    return .success(HTTPResponse(status: 200, body: Array("{}".utf8)))
                }
                return await exchange(request, origin, deadline)
            }
        },
        Canary(name: "renames-exception", about: "draws a new uuid for each exception event") {
            inner, world in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                var request = request
                if request.target.suffix(14).equals("twined:publish") {
                    let digit = String(world.random.below(10))
                    // In a version 5 UUID this place is free.
                    request.body = request.body.replacing(
                        #""uuid":""#, with: "\"uuid\":\"\(digit)", dropping: 1)
                }
                return await exchange(request, origin, deadline)
            }
        },
    ]

    private static let ofRetries = [
        Canary(name: "retries-by-itself", about: "sends every failed request four times more") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                var result = await exchange(request, origin, deadline)
                for _ in 0..<4 {
                    if case .success(let response) = result, response.status < 500 { return result }
                    result = await exchange(request, origin, deadline)
                }
                return result
            }
        },
        Canary(name: "ignores-retry-after", about: "does not read Retry-After") { inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                let result = await exchange(request, origin, deadline)
                guard case .success(let response) = result, response.fields.contains("retry-after") else {
                    return result
                }
                return .success(HTTPResponse(status: response.status, body: response.body))
            }
        },
        Canary(name: "asks-twice-at-once", about: "fetches a token for each of two who need one") {
            inner, _ in
            ExchangeWrapper(inner) { exchange, request, origin, deadline in
                if origin.scheme == .http {
                    EventLoop.shared.start { _ = await exchange(request, origin, deadline) }
                }
                return await exchange(request, origin, deadline)
            }
        },
    ]
}

extension Canary {
    private init(
        name: String, about: String,
        exchange: @escaping @Sendable @EventLoopActor (any HTTPExchange, World) -> any HTTPExchange
    ) {
        self.name = name
        self.about = about
        self.exchange = exchange
    }

    private init(
        name: String, about: String,
        handler: @escaping @Sendable @EventLoopActor (Instance.Parts, World) -> any Handler
    ) {
        self.name = name
        self.about = about
        self.handler = handler
    }
}

/// A handler around the shipped one.
@EventLoopActor
private final class HandlerWrapper: Handler {
    typealias Body = @EventLoopActor (HTTPRequest, Deadline) async -> HTTPResponse
    private let body: Body

    init(_ body: @escaping Body) {
        self.body = body
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        await body(request, deadline)
    }
}

/// An exchange around the simulated one.
@EventLoopActor
private final class ExchangeWrapper: HTTPExchange {
    typealias Send =
        @Sendable @EventLoopActor (HTTPRequest, Origin, Deadline) async -> Result<
            HTTPResponse, HTTPClientError
        >
    typealias Body =
        @EventLoopActor (@escaping Send, HTTPRequest, Origin, Deadline) async -> Result<
            HTTPResponse, HTTPClientError
        >
    private let inner: any HTTPExchange
    private let body: Body

    init(_ inner: any HTTPExchange, _ body: @escaping Body) {
        self.inner = inner
        self.body = body
    }

    func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline
    ) async throws(HTTPClientError) -> HTTPResponse {
        let inner = inner
        let send: Send = { request, origin, deadline in
            do throws(HTTPClientError) {
                return .success(try await inner.send(request, to: origin, deadline: deadline))
            } catch {
                return .failure(error)
            }
        }
        return try await body(send, request, origin, deadline).get()
    }

    func prepareConnection(to origin: Origin, deadline: Deadline) async {
        await inner.prepareConnection(to: origin, deadline: deadline)
    }
}

extension [UInt8] {
    /// These bytes with `text` instead of every `old`, and without as many bytes behind it as `dropping`
    /// says.
    fileprivate func replacing(_ old: String, with text: String, dropping: Int = 0) -> [UInt8] {
        let needle = Array(old.utf8)
        var result: [UInt8] = []
        var position = 0
        while position < count {
            if self[position...].starts(with: needle) {
                result += text.utf8
                position += needle.count + dropping
            } else {
                result.append(self[position])
                position += 1
            }
        }
        return result
    }
}
