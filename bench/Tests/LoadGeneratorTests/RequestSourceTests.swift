import LoadGenerator
import Testing

@Suite("Requests")
struct RequestSourceTests {
    private static let marker = "5a5a5a5a5a5a"

    private func take(_ source: any RequestSource, _ count: Int) -> [String] {
        var buffer: [UInt8] = []
        var found: [String] = []
        while found.count < count, source.write(into: &buffer) {
            found.append(String(decoding: buffer, as: UTF8.self))
        }
        return found
    }

    private func numbered(_ numbering: NumberedRequests.Numbering) -> NumberedRequests {
        NumberedRequests(
            template: Array("<\(Self.marker)|\(Self.marker)>".utf8), marker: Self.marker, numbering: numbering
        )
    }

    @Test("each fresh request has its own number, in every place of it")
    func fresh() {
        #expect(
            take(numbered(.fresh(from: 0xfe)), 3) == [
                "<0000000000fe|0000000000fe>", "<0000000000ff|0000000000ff>", "<000000000100|000000000100>",
            ])
    }

    @Test("a range of numbers is taken once and then there is no more")
    func once() {
        #expect(
            take(numbered(.once(1..<3)), 9) == ["<000000000001|000000000001>", "<000000000002|000000000002>"])
    }

    @Test("a range of numbers comes round again")
    func cycling() {
        let found = take(numbered(.cycling(1..<3)), 4)
        #expect(found[0] == found[2] && found[1] == found[3] && found[0] != found[1])
    }

    @Test("mixed requests of the same length do not keep each other's bytes")
    func mixed() {
        let other = NumberedRequests(
            template: Array("[\(Self.marker)|\(Self.marker)]".utf8), marker: Self.marker,
            numbering: .fresh(from: 7))
        let found = take(MixedRequests([numbered(.fresh(from: 1)), other], pattern: [0, 1, 1]), 4)
        #expect(found.map { $0.first } == ["<", "[", "[", "<"])
    }
}
