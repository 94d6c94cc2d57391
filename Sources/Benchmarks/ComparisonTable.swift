import Support

/// The rows as text and as JSON.
package enum ComparisonTable {
    package static func text(_ rows: [SideBySide]) -> String {
        guard rows.contains(where: { $0.ratio != nil }) else {
            return TextTable.render(
                [["", "Frostline", "from", "to"]]
                    + rows.map { row in
                        let figures = row.rounds.map(\.frostline)
                        return [
                            row.name, figure(row.frostline, row.unit), figure(figures.min(), row.unit),
                            figure(figures.max(), row.unit),
                        ]
                    })
        }
        let header = ["", "Frostline", "PyTorch", "ratio", "spread", "at least", "met", "aim", "met"]
        return TextTable.render(
            [header]
                + rows.map { row in
                    let measure = row.target.measure
                    return [
                        row.name, figure(row.frostline, row.unit), figure(row.pytorch, row.unit),
                        row.ratio.map { ratio($0, measure) } ?? "",
                        row.spread.map { "\(ratio($0.lowerBound, measure)) to \(ratio($0.upperBound, measure))" } ?? "",
                        ratio(row.target.least, measure), verdict(row.meetsLeast), ratio(row.target.aim, measure),
                        verdict(row.meetsAim),
                    ]
                })
    }

    package static func json(_ rows: [SideBySide]) -> JSON {
        .array(
            rows.map { row in
                func number(_ value: Double?) -> JSON { value.map(JSON.number) ?? .null }
                let ratioIs = row.target.measure == .timesFaster ? "pytorch/frostline" : "frostline/pytorch"
                let rounds = row.rounds.map { round in
                    JSON.object([("frostline", .number(round.frostline)), ("pytorch", number(round.pytorch))])
                }
                return .object([
                    ("name", .string(row.name)), ("unit", .string(row.unit)), ("frostline", number(row.frostline)),
                    ("pytorch", number(row.pytorch)), ("ratio", number(row.ratio)),
                    ("lowestRatio", number(row.spread?.lowerBound)), ("highestRatio", number(row.spread?.upperBound)),
                    ("ratioIs", .string(ratioIs)), ("atLeast", .number(row.target.least)),
                    ("aim", .number(row.target.aim)),
                    ("meetsLeast", row.meetsLeast.map(JSON.bool) ?? .null),
                    ("meetsAim", row.meetsAim.map(JSON.bool) ?? .null),
                    ("rounds", .array(rounds)),
                ])
            })
    }

    private static func figure(_ value: Double?, _ unit: String) -> String {
        value.map { Numbers.norm($0) + " " + unit } ?? ""
    }

    private static func ratio(_ value: Double, _ measure: Target.Measure) -> String {
        measure == .timesFaster ? Numbers.norm(value) + "×" : Numbers.norm(100 * value) + " %"
    }

    private static func verdict(_ met: Bool?) -> String { met.map { $0 ? "yes" : "no" } ?? "" }
}
