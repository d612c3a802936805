import Foundation
import Glibc
import LoadGenerator

/// One plain request on a connection of its own, for what is not measured.
enum HTTPCall {
    struct Answer {
        let status: Int
        let body: Data
    }

    static func get(_ path: String, port: UInt16) throws -> Answer { try send("GET", path, Data(), port) }

    static func post(_ path: String, _ body: Data, port: UInt16) throws -> Answer {
        try send("POST", path, body, port)
    }

    private static func send(_ method: String, _ path: String, _ body: Data, _ port: UInt16) throws -> Answer
    {
        let socket = try Socket(port: port, blocking: true)
        defer { socket.close() }
        socket.setPatience(seconds: 120)
        let head = """
            \(method) \(path) HTTP/1.1\r
            Host: 127.0.0.1\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r

            """
        try socket.sendAll(Array(head.utf8) + Array(body))
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket.descriptor, &piece, piece.count, 0)
            if count < 0 { throw Errno(number: errno) }
            if count == 0 { break }
            bytes.append(contentsOf: piece[..<count])
        }
        let text = Data(bytes)
        guard let end = text.range(of: Data("\r\n\r\n".utf8)),
            let status = Int(String(decoding: bytes.dropFirst(9).prefix(3), as: UTF8.self))
        else { throw BenchError("port \(port) gave no answer to \(method) \(path)") }
        return Answer(status: status, body: text[end.upperBound...])
    }
}
