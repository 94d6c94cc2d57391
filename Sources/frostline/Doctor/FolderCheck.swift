import Foundation
import RunSocket
import Support

/// The file system that runs are kept on.
enum FolderCheck {
    static func finding(_ folder: String) -> Finding {
        let name = "run folder"
        var place = folder
        while !FileManager.default.fileExists(atPath: place), place != "/", place.contains("/") {
            place = (place as NSString).deletingLastPathComponent
        }
        if place.isEmpty || !FileManager.default.fileExists(atPath: place) { place = "." }
        var template = Array("\(place)/.frostline-doctor-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            return .bad(
                name, "nothing can be written in \(place) (\(systemMessage(errno)))",
                "start frostline elsewhere, or give --output")
        }
        let probe = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: probe) }
        var disk = statvfs()
        let free = statvfs(place, &disk) == 0 ? Int(disk.f_bavail) * Int(disk.f_frsize) : nil
        let space = free.map { "\(Numbers.bytes($0)) free" } ?? "free space unknown"
        guard locks(probe) else {
            return .bad(
                name, "\(place) keeps no locks, \(space)",
                "give --output on another file system: nothing would keep two processes apart")
        }
        if let free, free < 500 << 20 {
            return .advice(name, "\(place), \(space)", "a run takes up to 250 MB; give --output elsewhere")
        }
        if case .failure(let error) = UnixSocket.listen(at: probe + "/socket") {
            return .advice(
                name, "\(place), locks, no sockets (\(error)), \(space)",
                "runs keep their sockets in XDG_RUNTIME_DIR or TMPDIR instead, so attach works on this machine alone")
        }
        return .good(name, "\(place), locks, sockets, \(space)")
    }

    private static func locks(_ folder: String) -> Bool {
        let first = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        let second = open(folder + "/lock", O_RDWR | O_CLOEXEC)
        defer { [first, second].filter { $0 >= 0 }.forEach { close($0) } }
        guard first >= 0, second >= 0 else { return false }
        return flock(first, LOCK_EX | LOCK_NB) == 0 && flock(second, LOCK_EX | LOCK_NB) != 0
    }
}
