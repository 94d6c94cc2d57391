/// How many cores' time the control groups of this process allow.
package enum CoreQuota {
    package static func now() -> Double? {
        ControlGroups.folders(of: "cpu").compactMap { folder, isSecond in
            if isSecond { return ProcFile.text("\(folder)/cpu.max").flatMap(quota) }
            let numbers = ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map { ProcFile.text("\(folder)/\($0)") ?? "" }
            return quota(numbers.joined(separator: " "))
        }.min()
    }

    /// `200000 100000` is two cores; `max 100000` and `-1 100000` are no limit.
    package static func quota(_ text: String) -> Double? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let share = Double(words[0]), let period = Double(words[1]), share > 0, period > 0
        else { return nil }
        return share / period
    }
}
