import Foundation
import Support

/// The run folders below a folder.
package enum RunSearch {
    /// Below `runs`, NAME-N is at the first level.
    private static let levels = 4

    /// Paths that begin with `folder`, in rising order; itself, where it is a run. Links are not followed, run folders
    /// not looked into, and folders that may not be read passed over.
    ///
    /// Throws `TrainingError.output` where `folder` is none that can be read.
    package static func runs(below folder: String) throws -> [String] {
        var root = folder
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        var status = stat()
        guard stat(root, &status) == 0 else {
            guard errno == ENOENT else { throw TrainingError.output(path: folder, problem: "\(systemMessage(errno)).") }
            throw TrainingError.output(
                path: folder,
                problem: "no such folder; runs are kept below runs/ of the folder that `frostline train` was started "
                    + "in, or where --output put them.")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw TrainingError.output(path: folder, problem: "this is no folder; name one that holds runs.")
        }
        if isRun(root) { return [root] }
        guard let names = folders(in: root) else {
            throw TrainingError.output(path: folder, problem: "cannot be read (\(systemMessage(errno))).")
        }
        return runs(among: names, of: root, levels: levels).sorted()
    }

    /// The names of the run folders in one folder, in rising order; none where it cannot be read.
    package static func names(in folder: String) -> [String] {
        (folders(in: folder) ?? []).filter { isRun(folder + "/" + $0) }.sorted()
    }

    private static func runs(among names: [String], of folder: String, levels: Int) -> [String] {
        names.flatMap { name -> [String] in
            let path = folder == "/" ? "/" + name : folder + "/" + name
            if isRun(path) { return [path] }
            guard levels > 1, let inner = folders(in: path) else { return [] }
            return runs(among: inner, of: path, levels: levels - 1)
        }
    }

    /// The folders in a folder, without links to some; nil where it cannot be read.
    private static func folders(in folder: String) -> [String]? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let kind = Int(entry.pointee.d_type)
            guard kind == Int(DT_DIR) || kind == Int(DT_UNKNOWN) else { continue }
            let text = UnsafeRawPointer(entry) + (MemoryLayout<dirent>.offset(of: \.d_name) ?? 19)
            let name = String(cString: text.assumingMemoryBound(to: CChar.self))
            var status = stat()
            // Some file systems do not say the kind.
            let isFolder =
                kind == Int(DT_DIR)
                || fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFDIR
            if isFolder, name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Whether there is a run.json, of whatever kind.
    private static func isRun(_ path: String) -> Bool {
        var status = stat()
        return lstat(path + "/" + RunFolder.descriptionName, &status) == 0
    }
}
