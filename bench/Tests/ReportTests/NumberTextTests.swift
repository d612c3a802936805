import Report
import Results
import Testing

@Suite("Numbers as text")
struct NumberTextTests {
    @Test(
        "three digits say something, whatever the size",
        arguments: [
            (0.078_31, "0.0783"), (1.2, "1.20"), (12.34, "12.3"), (123.4, "123"), (31_512, "31,500"),
            (0, "0"),
            (9.996, "10.0"), (99.96, "100"), (999.6, "1,000"), (1_234_567, "1,230,000"), (0.099_99, "0.100"),
        ])
    func rounded(value: Double, expected: String) { #expect(NumberText.rounded(value) == expected) }

    @Test("what is no number is a dash", arguments: [Double.nan, .infinity])
    func none(value: Double) { #expect(NumberText.rounded(value) == "–") }

    @Test(
        "ticks are as short as they are exact",
        arguments: [(0.5, "0.5"), (2, "2"), (10_000, "10,000"), (0.001, "0.001")])
    func short(value: Double, expected: String) { #expect(NumberText.short(value) == expected) }

    @Test(
        "sizes are in the unit in which they are round",
        arguments: [(512, "512 B"), (1_024, "1 KiB"), (8_388_608, "8 MiB")])
    func bytes(value: Double, expected: String) {
        #expect(NumberText.bytes(value) == expected.replacing(" ", with: "\u{202F}"))
    }

    @Test("values have the unit of their figure")
    func units() {
        #expect(NumberText.value(0.11, of: .latencyP50) == "0.110\u{202F}ms")
        #expect(NumberText.value(31_500, of: .eventsPerSecond) == "31,500/s")
        #expect(NumberText.value(2, of: .upstreamCallsPerEvent) == "2.00")
    }
}
