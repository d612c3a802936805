import Results
import Testing

@Suite("Medians and spreads")
struct SpreadTests {
    @Test("the median is the middle value, or the mean of the two middle ones, in whatever order they came")
    func median() {
        #expect(Spread.median(of: [3, 1, 2]) == 2)
        #expect(Spread.median(of: [4, 1, 3, 2]) == 2.5)
        #expect(Spread.median(of: [7]) == 7)
        #expect(Spread.median(of: []) == nil)
    }

    @Test("a spread keeps the extremes and the number of rounds")
    func extremes() throws {
        let spread = try #require(Spread([5, 1, 9]))
        #expect(spread.median == 5)
        #expect(spread.minimum == 1)
        #expect(spread.maximum == 9)
        #expect(spread.count == 3)
    }

    @Test("a figure that nobody measured has no spread")
    func empty() { #expect(Spread([]) == nil) }
}
