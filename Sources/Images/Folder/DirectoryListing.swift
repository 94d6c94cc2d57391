import Glibc

/// The entries of one directory, names as the bytes that the system gives, in no order; `.` and `..` are left out.
struct DirectoryListing {
    enum Kind { case file, directory, other }

    /// Names of regular files, end to end, and where each one ends.
    var fileNames: [UInt8] = []
    var fileEnds: [Int] = []
    var directories: [[UInt8]] = []
    /// Pipes, sockets and devices: never opened.
    var others = 0
    /// What a Mac's zip brings beside the files themselves, left out here: folders `__MACOSX`, files `._name`.
    var fromMacs = 0
    /// Device and inode, by which a loop of links shows.
    var identity: DirectoryIdentity

    /// Takes the kind of an entry from the directory itself; only links, and file systems that do not say, cost a call each.
    init(_ path: [UInt8]) throws(DirectoryError) {
        guard let stream = path.withCString({ opendir($0) }) else { throw DirectoryError(number: errno) }
        defer { closedir(stream) }
        let descriptor = dirfd(stream)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw DirectoryError(number: errno) }
        identity = DirectoryIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw DirectoryError(number: errno) }
                return
            }
            let name = UnsafeRawPointer(entry) + (MemoryLayout<dirent>.offset(of: \.d_name) ?? 19)
            let text = name.assumingMemoryBound(to: CChar.self)
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(text))
            if bytes.isEmpty || bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { continue }
            switch Self.kind(Int(entry.pointee.d_type), name: text, in: descriptor) {
            case .file where bytes.starts(with: "._".utf8), .directory where bytes.elementsEqual("__MACOSX".utf8):
                fromMacs += 1
            case .file:
                fileNames.append(contentsOf: bytes)
                fileEnds.append(fileNames.count)
            case .directory: directories.append(Array(bytes))
            case .other: others += 1
            }
        }
    }

    private static func kind(_ type: Int, name: UnsafePointer<CChar>, in directory: Int32) -> Kind {
        switch type {
        case Int(DT_REG): return .file
        case Int(DT_DIR): return .directory
        case Int(DT_LNK), Int(DT_UNKNOWN):
            var status = stat()
            // A link to nowhere counts as a file, which then cannot be read and is named.
            guard fstatat(directory, name, &status, 0) == 0 else { return .file }
            return status.st_mode & S_IFMT == S_IFREG ? .file : status.st_mode & S_IFMT == S_IFDIR ? .directory : .other
        default: return .other
        }
    }
}

struct DirectoryIdentity: Hashable {
    let device: UInt64
    let inode: UInt64
}

struct DirectoryError: Error {
    let number: Int32
}

extension [UInt8] {
    /// The bytes with a zero after them, as the system wants a path.
    package func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a buffer of at least one byte") }
            return body(base)
        }
    }

    /// For messages: bytes that are not UTF-8 become U+FFFD, and so do control characters, which could break a line or
    /// command the terminal.
    var shown: String {
        let text = String(decoding: self, as: UTF8.self)
        func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
    }

    /// The path of `name` in this folder.
    func appending(path name: some Collection<UInt8>) -> [UInt8] {
        var path = self
        if path.last != UInt8(ascii: "/") { path.append(UInt8(ascii: "/")) }
        path.append(contentsOf: name)
        return path
    }
}
