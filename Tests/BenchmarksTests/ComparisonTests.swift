import Support
import Testing
import frostline_benchmarks

@Suite struct ComparisonTests {
    private let faster = Target(.timesFaster, least: 1.5, aim: 2)

    private func row(_ target: Target, _ pairs: [(Double, Double?)]) -> SideBySide {
        SideBySide(name: "a row", unit: "ms", target: target, rounds: pairs.map { ($0.0, $0.1) })
    }

    @Test func `the median is the middle, or the mean of the two in the middle`() {
        #expect(SideBySide.median([]) == nil)
        #expect(SideBySide.median([3]) == 3)
        #expect(SideBySide.median([9, 1, 4]) == 4)
        #expect(SideBySide.median([9, 1, 4, 2]) == 3)
    }

    @Test func `the ratio is the median of the rounds' own ratios, not the ratio of the medians`() {
        let row = row(faster, [(100, 150), (200, 500), (50, 90)])
        #expect(row.frostline == 100)
        #expect(row.pytorch == 150)
        #expect(row.ratios == [1.5, 2.5, 1.8])
        #expect(row.ratio == 1.8)
        #expect(row.spread == 1.5...2.5)
        #expect(row.meetsLeast == true)
        #expect(row.meetsAim == false)
    }

    @Test func `memory is met where the share is small enough`() {
        let row = row(Target(.share, least: 0.6, aim: 0.4), [(500, 1000), (380, 1000), (390, 1000)])
        #expect(row.ratio == 0.39)
        #expect(row.meetsLeast == true)
        #expect(row.meetsAim == true)
        #expect(self.row(Target(.share, least: 0.6, aim: 0.4), [(700, 1000)]).meetsLeast == false)
    }

    @Test func `without PyTorch there is no ratio, and nothing is met or missed`() {
        let row = row(faster, [(100, nil), (120, nil)])
        #expect(row.frostline == 110)
        #expect(row.ratio == nil && row.spread == nil && row.meetsLeast == nil && row.meetsAim == nil)
        let text = ComparisonTable.text([row])
        #expect(!text.contains("PyTorch") && text.contains("110 ms"))
        #expect(ComparisonTable.json([row]).items?.first?["pytorch"] == .null)
    }

    @Test func `the table shows figures, ratio, spread and what is met`() {
        let text = ComparisonTable.text([row(faster, [(100, 160), (100, 180), (100, 170)])])
        let cells = text.split(separator: "\n").last?.split(separator: " ").map(String.init)
        #expect(
            cells == [
                "a", "row", "100", "ms", "170", "ms", "1.70×", "1.60×", "to", "1.80×", "1.50×", "yes", "2.00×", "no",
            ])
    }

    @Test func `threads are doubled above eight and end with all`() {
        #expect(ThreadCounts.upTo(1) == [1])
        #expect(ThreadCounts.upTo(3) == [1, 2, 3])
        #expect(ThreadCounts.upTo(24) == [1, 2, 3, 4, 5, 6, 7, 8, 16, 24])
    }
}
