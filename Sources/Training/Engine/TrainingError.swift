/// What can keep a run from starting or going on. Each message names the file or option, what was wrong, what to do.
package enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    case option(String, found: String, expected: String)
    case pattern(String, option: String, names: [String])
    case weights(file: String, problem: String)
    case output(path: String, problem: String)
    case data(String)
    case notFinite(step: Int)
    case refused(String)
    case frozenChanged([String])

    package var description: String {
        switch self {
        case .option(let option, let found, let expected): "\(option) \(found): expected \(expected)."
        case .pattern(let pattern, let option, let names):
            "\(option) '\(pattern)' matches no parameter; names are like "
                + Self.nearest(to: pattern, in: names).joined(separator: ", ") + "."
        case .weights(let file, let problem): "\(file): \(problem)"
        case .output(let path, let problem): "\(path): \(problem)"
        case .data(let problem): problem
        case .notFinite(let step):
            "the loss is not a finite number at step \(step); lower --learning-rate, or look for broken weights with "
                + "`frostline inspect`."
        case .refused(let reason): reason
        case .frozenChanged(let names):
            "frozen parameters changed, which is a defect of Frostline: \(names.joined(separator: ", ")). "
                + "Nothing was saved over the last good files; please report this."
        }
    }

    /// Throws `.option` where the condition does not hold.
    package static func require(_ condition: Bool, _ option: String, _ found: Any, _ expected: String) throws {
        if !condition { throw TrainingError.option(option, found: "\(found)", expected: expected) }
    }

    /// The three names that share the most with a pattern that matched nothing, by longest common run of characters.
    static func nearest(to pattern: String, in names: [String]) -> [String] {
        let wanted = Array(pattern.utf8)
        func common(_ name: String) -> Int {
            let bytes = Array(name.utf8)
            var best = 0
            var row = [Int](repeating: 0, count: bytes.count + 1)
            for a in wanted {
                var diagonal = 0
                for (j, b) in bytes.enumerated() {
                    let above = row[j + 1]
                    row[j + 1] = a == b ? diagonal + 1 : 0
                    best = max(best, row[j + 1])
                    diagonal = above
                }
            }
            return best
        }
        return names.enumerated()
            .sorted { (-common($0.element), $0.offset) < (-common($1.element), $1.offset) }
            .prefix(3).map(\.element)
    }
}
