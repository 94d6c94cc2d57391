import Experiments
import Foundation
import Testing

import Training

private struct ClassificationFixture: Decodable {
    let classes: Int
    let truth: [Int]
    let predicted: [Int]
    let accuracy: Double
    let confusion: [[Int]]
    /// Precision, recall and F1, of each class.
    let each: [[Double]]
    let support: [Int]
    let macro: [Double]
    let weighted: [Double]
}

@Suite struct ClassificationReportTests {
    @Test func `every figure is scikit-learn's`() throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/classification.json", withExtension: nil))
        let fixtures = try JSONDecoder().decode([ClassificationFixture].self, from: Data(contentsOf: url))
        #expect(fixtures.count == 6)
        for fixture in fixtures {
            var report = ClassificationReport(classCount: fixture.classes)
            for (truth, predicted) in zip(fixture.truth, fixture.predicted) {
                report.add(truth: truth, predicted: predicted)
            }
            #expect(report.accuracy == fixture.accuracy)
            #expect(report.confusion == fixture.confusion)
            #expect(report.count == fixture.truth.count)
            func near(_ scores: ClassificationReport.Scores, _ expected: [Double]) {
                for (a, b) in zip([scores.precision, scores.recall, scores.f1], expected) {
                    #expect(abs(a - b) < 1e-12)
                }
            }
            for (label, scores) in report.classes.enumerated() {
                near(scores, fixture.each.map { $0[label] })
                #expect(scores.support == fixture.support[label])
            }
            near(report.macro, fixture.macro)
            near(report.weighted, fixture.weighted)
        }
    }

    @Test func `the interval is Wilson's, and stays within 0 to 1`() {
        // The classical example: 10 of 100.
        let tenth = Proportion(successes: 10, of: 100)
        #expect(abs(tenth.low - 0.0552291) < 1e-6)
        #expect(abs(tenth.high - 0.1743657) < 1e-6)
        let all = Proportion(successes: 8, of: 8)
        #expect(all.high == 1 && all.low > 0.6 && all.low < 0.7)
        let none = Proportion(successes: 0, of: 0)
        #expect(none.low == 0 && none.high == 1)
    }
}
