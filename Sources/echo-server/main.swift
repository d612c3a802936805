// The server of the two functions with the plainest handler: for conformance tools and benchmarks.
//
// Any method and path: reads the whole body, answers 200 with its length and SHA-256. HOST and PORT as usual.
// With ECHO_REQUEST_LINE set, the fields Echo-Method and Echo-Target tell how the request line was read.

import Glibc
import Net

@EventLoopActor
final class EchoHandler: Handler {
    private let echoesRequestLine: Bool

    init(echoesRequestLine: Bool) {
        self.echoesRequestLine = echoesRequestLine
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        // A 2xx answer to CONNECT would open a tunnel (RFC 9110 section 9.3.6).
        var response =
            request.method == .connect ? HTTPResponse.text(501, "no tunnels\n") : describe(request.body)
        if echoesRequestLine {
            response.fields.append("Echo-Method", request.method.name)
            response.fields.append("Echo-Target", request.target)
        }
        return response
    }

    private func describe(_ body: [UInt8]) -> HTTPResponse {
        let digest = Crypto.sha256(body).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }
        return .text(200, "\(body.count) \(digest.joined())\n")
    }
}

func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}

func complain(_ text: String) {
    let bytes = Array("echo-server: \(text)\n".utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
}

@EventLoopActor
func serve(host: String, port: UInt16) async -> Int32 {
    do {
        let signals = try SignalSource()
        let handler = EchoHandler(echoesRequestLine: environment("ECHO_REQUEST_LINE") != nil)
        let server = HTTPServer(handler: handler, configuration: .init(host: host, port: port))
        try server.listen()
        complain("listening on \(host) port \(server.port)")
        EventLoop.shared.start {
            _ = await signals.next()
            server.stop()
        }
        await server.run()
        return 0
    } catch {
        complain("\(error)")
        return 71
    }
}

guard let port = UInt16(environment("PORT") ?? "8080") else {
    complain("PORT is not a port number. Expected 0 to 65535")
    exit(78)
}
let host = environment("HOST") ?? "0.0.0.0"
exit(EventLoop.shared.runProcess { await serve(host: host, port: port) })
