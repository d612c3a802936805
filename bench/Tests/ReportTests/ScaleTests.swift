import Report
import Testing

@Suite("Scales and ticks")
struct ScaleTests {
    private func isNear(_ left: Double, _ right: Double) -> Bool { abs(left - right) < 1e-9 }

    @Test("a linear scale places equal differences equally far apart")
    func linear() {
        let scale = Scale(.linear, from: 10, to: 30)
        #expect(scale.fraction(of: 10) == 0)
        #expect(scale.fraction(of: 15) == 0.25)
        #expect(scale.fraction(of: 30) == 1)
    }

    @Test("a logarithmic scale places equal ratios equally far apart")
    func logarithmic() {
        let scale = Scale(.logarithmic, from: 0.1, to: 1_000)
        #expect(isNear(scale.fraction(of: 1), 0.25))
        #expect(isNear(scale.fraction(of: 10), 0.5))
        #expect(isNear(scale.fraction(of: 100), 0.75))
    }

    @Test("a percentile scale places 90, 99 and 99.9 equally far apart, and the median near its start")
    func percentile() {
        let scale = Scale(.percentile, from: 0, to: 99.9)
        #expect(scale.fraction(of: 0) == 0)
        #expect(isNear(scale.fraction(of: 90), 1.0 / 3))
        #expect(isNear(scale.fraction(of: 99), 2.0 / 3))
        #expect(isNear(scale.fraction(of: 99.9), 1))
        #expect((0.09...0.11).contains(scale.fraction(of: 50)))
    }

    @Test("the 100th percentile lies at the end, and not in the infinite")
    func maximum() {
        #expect(isNear(Scale(.percentile, from: 0, to: 99.9).fraction(of: 100), 1))
    }

    @Test("points above zero are placed by their ratios, points with a zero by their order")
    func points() {
        #expect(isNear(Scale(ofPoints: [256, 1, 16]).fraction(of: 16), 0.5))
        let ordinal = Scale(ofPoints: [0, 5, 50])
        #expect([0, 5, 50].map(ordinal.fraction) == [0, 0.5, 1])
        #expect(Scale(ofPoints: [7]).fraction(of: 7) == 0.5)
    }

    @Test(
        "linear ticks are round, begin at zero and end at or just beyond the largest value",
        arguments: zip(
            [1, 35_000, 0.13, 0, 7],
            [
                [0, 0.2, 0.4, 0.6, 0.8, 1], [0, 10_000, 20_000, 30_000, 40_000], [0, 0.05, 0.1, 0.15],
                [0, 1],
                [0, 2, 4, 6, 8],
            ]))
    func linearTicks(maximum: Double, expected: [Double]) {
        let ticks = Ticks.linear(upTo: maximum)
        #expect(ticks.count == expected.count, "\(ticks)")
        #expect(zip(ticks, expected).allSatisfy(isNear), "\(ticks)")
    }

    @Test(
        "logarithmic ticks enclose the values: 1, 2 and 5 of few decades, powers of ten of many",
        arguments: [
            LogarithmicRange(0.15, 0.9, [0.1, 0.2, 0.5, 1]), .init(1, 10, [1, 2, 5, 10]),
            .init(0.3, 0.3, [0.2, 0.5]), .init(0.002, 900, [0.001, 0.01, 0.1, 1, 10, 100, 1_000]),
            .init(5, 5, [5, 10]),
        ])
    func logarithmicTicks(range: LogarithmicRange) {
        #expect(Ticks.logarithmic(from: range.minimum, to: range.maximum) == range.expected)
    }

    @Test(
        "for any range, logarithmic ticks enclose it and are few", arguments: [0.000_1, 0.03, 1, 77, 123_456])
    func enclosing(minimum: Double) {
        for ratio in [1, 1.01, 3, 99, 1_234, 1e6] {
            let ticks = Ticks.logarithmic(from: minimum, to: minimum * ratio)
            #expect((2...10).contains(ticks.count), "\(minimum) × \(ratio): \(ticks)")
            #expect(ticks[0] <= minimum * 1.000_01)
            #expect(ticks[ticks.count - 1] >= minimum * ratio * 0.999_99)
        }
    }

    @Test("a logarithmic axis is little longer than its values need, and has two ticks at least")
    func tightAxis() {
        for (minimum, maximum) in [(0.06, 4.8), (11, 19), (1, 1), (0.2, 900)] {
            let (scale, ticks) = Ticks.logarithmicAxis(from: minimum, to: maximum)
            #expect(ticks.count >= 2)
            #expect(ticks.allSatisfy { (0...1).contains(scale.fraction(of: $0)) })
            #expect((0...1).contains(scale.fraction(of: minimum)))
            #expect((0...1).contains(scale.fraction(of: maximum)))
        }
        let (scale, ticks) = Ticks.logarithmicAxis(from: 0.06, to: 48)
        #expect(ticks == [0.1, 1, 10])
        #expect(isNear(scale.lower, 0.05) && isNear(scale.upper, 57.6))
    }

    @Test("percentile ticks end where the measurement does")
    func percentileTicks() {
        #expect(Ticks.percentiles(upTo: 99.9) == [50, 90, 99, 99.9])
        #expect(Ticks.percentiles(upTo: 98) == [50, 90])
    }
}

/// A range of values, and the ticks of its axis.
struct LogarithmicRange: Sendable {
    let minimum: Double
    let maximum: Double
    let expected: [Double]

    init(_ minimum: Double, _ maximum: Double, _ expected: [Double]) {
        self.minimum = minimum
        self.maximum = maximum
        self.expected = expected
    }
}
