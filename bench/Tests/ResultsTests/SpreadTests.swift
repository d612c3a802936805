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

    @Test("of ten rounds and more an outlier at each end does not make two spreads overlap")
    func outliers() throws {
        func spread(_ values: [Double]) throws -> Spread { try #require(Spread(values)) }
        let low = (0..<20).map { 1 + Double($0) / 100 }
        let high = low.map { $0 + 1 }
        #expect(try !spread(low + [9]).overlaps(spread(high + [0])))
        #expect(try spread(low + [9, 9, 9]).overlaps(spread(high)))
        #expect(try spread([1, 1, 9]).overlaps(spread([2, 2, 2])), "of few rounds each counts")
    }

    @Test("a figure that nobody measured has no spread")
    func empty() { #expect(Spread([]) == nil) }
}
