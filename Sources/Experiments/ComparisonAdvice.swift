import Foundation
import Support

/// What follows from a comparison's numbers, and whether they suffice.
///
/// The difference of two accuracies p and q over the same n pictures, with k seeds each of spread s and t, is taken to be
/// uncertain by 1.96 · √(p(1−p)/n + q(1−q)/n + s²/k + t²/k). That ignores that both saw the same pictures, and so is rather
/// too careful than too bold. What is sure at 95 % is one thing, what to take another: of all arms within one standard
/// error of the best the quickest is advised, and a larger lead is followed though it may be chance.
package struct ComparisonAdvice: Sendable, Equatable {
    /// The arm to take; nil where there is none.
    package let arm: String?
    /// Whether the numbers show that the arm is more accurate than every other.
    package let isSufficient: Bool
    /// One sentence each.
    package let sentences: [String]

    private static let z = 1.959963984540054
    private static let fewImages = 50

    /// - Parameters:
    ///   - count: validation pictures.
    ///   - largestClass: how many of them the largest class has.
    package init(_ results: [ArmResult], count: Int, largestClass: Int) {
        let finished = results.filter { !$0.runs.isEmpty }
        guard count > 0, let best = finished.min(by: Self.isBetter) else {
            arm = nil
            isSufficient = false
            sentences = ["No arm was validated, so there is nothing to recommend."]
            return
        }
        guard finished.count > 1 else {
            arm = nil
            isSufficient = false
            sentences = ["Only \(best.name) was finished, so there is nothing to compare."]
            return
        }
        var sentences: [String] = []
        let rivals = finished.filter { $0.name != best.name }
        // Those that may be as good as the best, for all these numbers say.
        let tied = rivals.filter { Self.difference(best, $0, count).low <= 0 }
        let near = tied.filter { Self.isNear(best, $0, count) }
        let cheapest = ([best] + near).min { ($0.seconds, $0.name) < ($1.seconds, $1.name) } ?? best
        arm = cheapest.name
        isSufficient = tied.isEmpty
        if cheapest.name != best.name {
            let gap = Self.difference(best, cheapest, count)
            sentences.append(
                "Take \(cheapest.name). \(best.name) was \(Self.points(gap.value)) points more accurate, which \(count) "
                    + "validation pictures cannot tell from chance (the difference may be anything from "
                    + "\(Self.points(gap.low)) to \(Self.points(gap.high)) points), and \(cheapest.name) took "
                    + "\(Numbers.seconds(cheapest.seconds)) instead of \(Numbers.seconds(best.seconds)).")
        } else if tied.isEmpty {
            let next = rivals.min(by: Self.isBetter) ?? best
            let gap = Self.difference(best, next, count)
            sentences.append(
                "Take \(best.name): it is the most accurate, \(Self.points(gap.value)) points before \(next.name), which is "
                    + "more than chance explains on \(count) validation pictures.")
        } else if let quicker = tied.filter({ $0.seconds < best.seconds }).min(by: Self.isBetter) {
            let gap = Self.difference(best, quicker, count)
            sentences.append(
                "Take \(best.name): it was \(Self.points(gap.value)) points more accurate than \(quicker.name), the best of "
                    + "the quicker ones, and that is more than one standard error of the difference "
                    + "(\(Self.points((gap.high - gap.value) / Self.z)) points).")
        } else {
            sentences.append("Take \(best.name): nothing was more accurate, and nothing as accurate was quicker.")
        }
        // The one that was spoken of, else the one that a difference would show from first.
        if let rival = tied.first(where: { $0.name == cheapest.name })
            ?? tied.max(by: { Self.difference(best, $0, count).value < Self.difference(best, $1, count).value })
        {
            let gap = rival.accuracy == best.accuracy ? 0 : Self.difference(best, rival, count).value
            sentences.append(
                "The numbers do not suffice to say that \(best.name) is more accurate than "
                    + tied.map(\.name).joined(separator: " or ") + "."
                    + (gap > 0
                        ? " A difference of \(Self.points(gap)) points shows on about \(Self.needed(best, rival)) validation "
                            + "pictures." : ""))
        }
        if count < Self.fewImages {
            sentences.append("With only \(count) validation pictures every accuracy here is rough.")
        }
        let guess = Double(largestClass) / Double(count)
        if best.interval(of: count).low <= guess {
            sentences.append(
                "None is clearly better than always answering the largest class (\(Numbers.spacedPercent(guess))): look at the "
                    + "pictures, the learning rate and the number of epochs first.")
        }
        if finished.contains(where: { $0.runs.count < 2 }) {
            sentences.append("One seed says nothing about how much the seed matters; --seeds 3 does.")
        }
        self.sentences = sentences
    }

    /// More accurate; of equals, the quicker.
    private static func isBetter(_ a: ArmResult, _ b: ArmResult) -> Bool {
        (-a.accuracy, a.seconds) < (-b.accuracy, b.seconds)
    }

    /// Whether a is ahead by no more than one standard error, as Breiman and others choose among trees (1984).
    private static func isNear(_ a: ArmResult, _ b: ArmResult, _ count: Int) -> Bool {
        let gap = difference(a, b, count)
        return gap.value <= (gap.high - gap.value) / z
    }

    static func difference(_ a: ArmResult, _ b: ArmResult, _ count: Int) -> (value: Double, low: Double, high: Double) {
        func variance(_ arm: ArmResult) -> Double {
            let n = Double(count)
            // With Agresti and Caffo's added successes and failures, so that 100 % is not taken for certain.
            let share = (arm.accuracy * n + 1) / (n + 2)
            let values = arm.accuracies
            let spread =
                values.count > 1
                ? values.reduce(0) { $0 + ($1 - arm.accuracy) * ($1 - arm.accuracy) } / Double(values.count - 1) : 0
            return share * (1 - share) / (n + 2) + spread / Double(max(1, values.count))
        }
        let value = a.accuracy - b.accuracy
        let half = z * (variance(a) + variance(b)).squareRoot()
        return (value, value - half, value + half)
    }

    /// Pictures on which such a difference would be more than chance.
    private static func needed(_ a: ArmResult, _ b: ArmResult) -> Int {
        let gap = a.accuracy - b.accuracy
        let spread = a.accuracy * (1 - a.accuracy) + b.accuracy * (1 - b.accuracy)
        let exact = z * z * spread / (gap * gap)
        // Two digits: it is an estimate.
        guard exact.isFinite, exact < 1e12 else { return Int.max }
        let unit = pow(10, max(0, floor(log10(max(exact, 1))) - 1))
        return Int((exact / unit).rounded(.up) * unit)
    }

    private static func points(_ share: Double) -> String { String(format: "%.1f", share * 100) }
}
