// The two functions as a user would write them in Swift: Hummingbird, AsyncHTTPClient, Foundation's JSON.

import Foundation
import Hummingbird
import Logging

enum ExitCode {
    static let usage: Int32 = 64
    static let cannotListen: Int32 = 71
    static let configuration: Int32 = 78
}

func fail(_ text: String, _ code: Int32) -> Never {
    FileHandle.standardError.write(Data((text + "\n").utf8))
    exit(code)
}

func router(for function: String?, _ settings: inout Settings) -> Router<BasicRequestContext>? {
    switch function {
    case "event-handler", "handle_event":
        EventHandler(&settings).map { handler in
            let router = Router()
            router.get("health") { _, _ in "ok\n" }
            router.post("/") { request, _ in try await handler.handle(request) }
            router.post("**") { request, _ in try await handler.handle(request) }
            return router
        }
    case "service-registry", "handle_request":
        ServiceRegistry(&settings).map { registry in
            let router = Router()
            router.get("health") { _, _ in "ok\n" }
            router.get("**") { request, _ in await registry.handle(request) }
            return router
        }
    default:
        fail("usage: hummingbird event-handler | service-registry", ExitCode.usage)
    }
}

var settings = Settings()
let function = CommandLine.arguments.dropFirst().first ?? settings.optional("FUNCTION_TARGET")
guard let router = router(for: function, &settings), settings.problems.isEmpty else {
    fail(settings.problems.joined(separator: "\n"), ExitCode.configuration)
}

var logger = Logger(label: "peer", factory: { StreamLogHandler.standardError(label: $0) })
logger.logLevel = .warning
let host = settings.optional("HOST") ?? "0.0.0.0"
let application = Application(
    router: router,
    configuration: .init(address: .hostname(host, port: settings.number("PORT", 8080)), serverName: nil),
    logger: logger)
do {
    try await application.runService()
} catch {
    fail("\(error)", ExitCode.cannotListen)
}
