import Foundation

/// Files of /proc and /sys. Their size is given as 0, which `FileManager.contents` minds on some systems.
package enum ProcFile {
    /// The first 64 KiB; nil where there is no such file.
    package static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The number in a line `Name:   1234 kB`, or `name 1234`.
    package static func number(_ name: String, in path: String) -> Int? {
        let lines = text(path)?.split(separator: "\n").lazy.map { $0.split { $0 == " " || $0 == "\t" } }
        return lines?.first { $0.first.map(String.init) == name }?.dropFirst().first.flatMap { Int($0) }
    }
}

/// Memory that this process may still take, in bytes.
package struct AvailableMemory: Equatable {
    package var bytes: Int
    /// What sets the limit, for messages.
    package var limit: String

    package init(bytes: Int, limit: String) {
        self.bytes = bytes
        self.limit = limit
    }

    /// The least of what the system has free and what every control group above this process still allows.
    package static func now() -> AvailableMemory? {
        let free = meminfo("MemAvailable").map { AvailableMemory(bytes: $0, limit: "free memory") }
        let groups = limits().map {
            AvailableMemory(bytes: max(0, $0.limit - $0.used), limit: "memory limit of the control group")
        }
        return ([free].compactMap(\.self) + groups).min { $0.bytes < $1.bytes }
    }

    /// Of the whole machine, or of the control group where that is less.
    package static func total() -> Int? { [meminfo("MemTotal"), limits().map(\.limit).min()].compactMap { $0 }.min() }

    private static func meminfo(_ name: String) -> Int? {
        ProcFile.number(name + ":", in: "/proc/meminfo").map { $0 << 10 }
    }

    /// Limits and use of the groups from this process's up to the root, versions 2 and 1.
    private static func limits() -> [(limit: Int, used: Int)] {
        ControlGroups.folders(of: "memory").compactMap { folder, isSecond in
            let (limitName, usedName) =
                isSecond ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            guard let limit = number("\(folder)/\(limitName)"), limit < 1 << 50 else { return nil }
            // Page cache counts as used and is given back on demand.
            let cached = ProcFile.number(isSecond ? "file" : "total_cache", in: "\(folder)/memory.stat") ?? 0
            return (limit, max(0, (number("\(folder)/\(usedName)") ?? 0) - cached))
        }
    }

    private static func number(_ path: String) -> Int? {
        ProcFile.text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}

/// The control groups that this process is in.
enum ControlGroups {
    /// Folders of a controller's groups from this process's up to the root, of versions 2 and 1.
    static func folders(of controller: String) -> [(path: String, isSecond: Bool)] {
        guard let groups = ProcFile.text("/proc/self/cgroup") else { return [] }
        var found: [(path: String, isSecond: Bool)] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains(controller[...]) else { continue }
            let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/\(controller)"
            var path = String(parts[2])
            while true {
                found.append((root + (path == "/" ? "" : path), isSecond))
                if path == "/" || path.isEmpty { break }
                path = (path as NSString).deletingLastPathComponent
            }
        }
        return found
    }
}
