/// How predictions compare with the truth: accuracy, and for each class precision, recall and F1.
///
///     precision = right / predicted    recall = right / true    F1 = 2 · precision · recall / (precision + recall)
///
/// What would be 0/0 is 0, as scikit-learn has it with zero_division=0.
package struct ClassificationReport: Sendable, Equatable {
    /// Of one class, or a mean over classes; shares from 0 to 1.
    package struct Scores: Sendable, Equatable {
        package var precision: Double
        package var recall: Double
        package var f1: Double
        /// How many pictures truly are of the class.
        package var support: Int
    }

    package let classCount: Int
    /// `[true][predicted]`, pictures.
    package private(set) var confusion: [[Int]]

    package init(classCount: Int) {
        self.classCount = classCount
        confusion = [[Int]](repeating: [Int](repeating: 0, count: classCount), count: classCount)
    }

    /// Both are indices of classes.
    package mutating func add(truth: Int, predicted: Int) { confusion[truth][predicted] += 1 }

    package var count: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }
    package var correct: Int { confusion.indices.reduce(0) { $0 + confusion[$1][$1] } }
    package var accuracy: Double { Self.share(correct, count) }

    package var classes: [Scores] {
        (0..<classCount).map { label in
            let support = confusion[label].reduce(0, +)
            let predicted = confusion.reduce(0) { $0 + $1[label] }
            let right = confusion[label][label]
            return Scores(
                precision: Self.share(right, predicted), recall: Self.share(right, support),
                f1: Self.share(2 * right, predicted + support), support: support)
        }
    }

    /// The plain mean over classes.
    package var macro: Scores { average { _ in 1 } }
    /// The mean over classes, each weighted by its support.
    package var weighted: Scores { average { Double($0.support) } }

    private func average(_ weight: (Scores) -> Double) -> Scores {
        let all = classes
        let total = all.reduce(0) { $0 + weight($1) }
        func mean(_ value: (Scores) -> Double) -> Double {
            total > 0 ? all.reduce(0) { $0 + weight($1) * value($1) } / total : 0
        }
        return Scores(precision: mean(\.precision), recall: mean(\.recall), f1: mean(\.f1), support: count)
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole > 0 ? Double(part) / Double(whole) : 0 }
}

/// A share of successes with its 95 % interval after Wilson (1927), which stays within 0 to 1 and is honest for few pictures.
package struct Proportion: Sendable, Equatable {
    package let value: Double
    package let low: Double
    package let high: Double

    package init(successes: Double, of count: Int) {
        guard count > 0 else {
            (value, low, high) = (0, 0, 1)
            return
        }
        let n = Double(count)
        let z = 1.959963984540054
        let share = successes / n
        let centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        let half = z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot() / (1 + z * z / n)
        value = share
        low = max(0, min(share, centre - half))
        high = min(1, max(share, centre + half))
    }
}
