import Foundation

/// How many cores' time the control groups of this process allow.
package enum CoreQuota {
    package static func now() -> Double? {
        guard let groups = ProcFile.text("/proc/self/cgroup") else { return nil }
        var least: Double?
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            var path = String(parts[2])
            while true {
                let folder = path == "/" ? "" : path
                let quota =
                    parts[1].isEmpty
                    ? ProcFile.text("/sys/fs/cgroup\(folder)/cpu.max").flatMap(quota)
                    : parts[1].split(separator: ",").contains("cpu")
                        ? quota(
                            (ProcFile.text("/sys/fs/cgroup/cpu\(folder)/cpu.cfs_quota_us") ?? "") + " "
                                + (ProcFile.text("/sys/fs/cgroup/cpu\(folder)/cpu.cfs_period_us") ?? "")) : nil
                if let quota { least = min(least ?? quota, quota) }
                if path == "/" || path.isEmpty { break }
                path = (path as NSString).deletingLastPathComponent
            }
        }
        return least
    }

    /// `200000 100000` is two cores; `max 100000` and `-1 100000` are no limit.
    package static func quota(_ text: String) -> Double? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let share = Double(words[0]), let period = Double(words[1]), share > 0, period > 0
        else {
            return nil
        }
        return share / period
    }
}
