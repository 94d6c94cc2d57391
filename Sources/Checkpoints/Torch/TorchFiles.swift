import Support

/// The three containers that torch.save has written: zip (1.6 and later), a row of pickles (0.1.10 to 1.5), tar (before).
/// Source: torch/serialization.py, `_load`, `_legacy_load`. The first is that of TorchScript archives too.
enum TorchZipFile {
    /// Throws what `Checkpoint.open` throws. `key`: see `TorchObject`.
    static func read(
        _ file: FileContents, key: String? = nil
    ) throws(CheckpointError) -> (format: CheckpointFormat, found: FoundTensors) {
        let archive = try ZipArchive(file)
        guard
            let pickleName = archive.entries.keys.filter({ $0 == "data.pkl" || $0.hasSuffix("/data.pkl") })
                .min(by: { ($0.count, $0) < ($1.count, $1) })
        else {
            if let found = try TorchExportFile.read(archive, key: key) { return (.torchExport, found) }
            throw .notACheckpoint(file: file.name, found: "a zip file without data.pkl")
        }
        let root = String(pickleName.dropLast("data.pkl".count))
        let isScript = archive.entries[root + "constants.pkl"] != nil
        let isBigEndian = try isBigEndian(archive, root)
        let arena = PickleArena()
        var unpickler = Unpickler(
            file, range: try archive.verifiedRange(pickleName), arena: arena, isScript: isScript)
        let object = try TorchObject(try unpickler.load(), file: file, key: key)
        var ranges: [String: Range<Int>] = [:]
        for key in object.tensors.map(\.tensor.storage.key) where ranges[key] == nil {
            ranges[key] = try archive.verifiedRange(root + "data/" + key)
        }
        return (isScript ? .torchScript : .torchZip, try object.stored(in: file, ranges, isBigEndian: isBigEndian))
    }

    /// Throws `.damaged` for an order that is neither. Files without the entry are little-endian.
    static func isBigEndian(_ archive: ZipArchive, _ root: String) throws(CheckpointError) -> Bool {
        guard archive.entries[root + "byteorder"] != nil else { return false }
        let range = try archive.verifiedRange(root + "byteorder")
        let order = String(decoding: archive.file.bytes[range], as: UTF8.self)
        guard ["little", "big"].contains(order) else {
            throw archive.file.damaged("its byte order is neither little nor big")
        }
        return order == "big"
    }
}

enum TorchLegacyFile {
    /// 0x1950a86a20f9469cfc6c as LONG1, behind PROTO 2.
    static let magic: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]

    static func read(_ file: FileContents, key: String? = nil) throws(CheckpointError) -> FoundTensors {
        let arena = PickleArena()
        var unpickler = Unpickler(file, range: 0..<file.bytes.count, arena: arena)
        _ = try unpickler.load()
        guard case .int(1001) = try unpickler.load() else { throw file.damaged("the protocol number 1001 is missing") }
        let system = try unpickler.load()
        if case .dictionary(let pairs) = system, let little = pairs.pairs.first(where: { $0.key == "little_endian" }),
            case .bool(false) = little.value
        {
            throw .unsupported(file: file.name, found: "written on a big-endian machine", advice: "save it anew")
        }
        let object = try TorchObject(try unpickler.load(), file: file, key: key)
        guard let keys = try unpickler.load().elements?.compactMap(\.text) else {
            throw file.damaged("the list of storages is missing")
        }
        let storages = try TorchStorages.read(file, keys: keys, types: unpickler.storageTypes, at: unpickler.position)
        return try object.stored(in: file, storages)
    }
}

/// The raw storages behind a legacy file's pickles: for each key an i64 count of elements, then the elements.
enum TorchStorages {
    static func read(
        _ file: FileContents, keys: [String], types: [String: TensorType], at start: Int
    ) throws(CheckpointError) -> [String: Range<Int>] {
        var position = start
        var ranges: [String: Range<Int>] = [:]
        for key in keys {
            guard let type = types[key] else { throw file.damaged("the storage '\(key)' has no known type") }
            let range = try one(file, type, at: position, before: file.bytes.count)
            ranges[key] = range
            position = range.upperBound
        }
        return ranges
    }

    /// One storage at `position`: where its elements lie.
    static func one(
        _ file: FileContents, _ type: TensorType, at position: Int, before end: Int
    ) throws(CheckpointError) -> Range<Int> {
        let count = Int(truncatingIfNeeded: try file.number(at: position, width: 8))
        let (bytes, overflow) = count.multipliedReportingOverflow(by: type.byteCount)
        let start = position + 8
        guard count >= 0, !overflow, start <= end, bytes <= end - start else {
            throw file.damaged("a storage of \(count) elements reaches beyond the end")
        }
        return start..<(start + bytes)
    }
}

enum TorchTarFile {
    static func read(_ file: FileContents, key: String? = nil) throws(CheckpointError) -> FoundTensors {
        let members = try self.members(of: file)
        func member(_ name: String) throws(CheckpointError) -> Range<Int> {
            guard let range = members[name] else {
                throw .notACheckpoint(file: file.name, found: "a tar file without '\(name)'")
            }
            return range
        }
        let arena = PickleArena()
        let (types, ranges) = try storages(file, try member("storages"), arena)
        let numbered = try tensors(file, try member("tensors"), arena, types)
        var unpickler = Unpickler(file, range: try member("pickle"), arena: arena, numberedTensors: numbered)
        let object = try TorchObject(try unpickler.load(), file: file, key: key)
        return try object.stored(in: file, ranges)
    }

    /// The number of storages; for each `(key, location, class)` and then its elements; at last the views into them.
    private static func storages(
        _ file: FileContents, _ range: Range<Int>, _ arena: PickleArena
    ) throws(CheckpointError) -> ([Int: TensorType], [String: Range<Int>]) {
        var types: [Int: TensorType] = [:]
        var ranges: [String: Range<Int>] = [:]
        var unpickler = Unpickler(file, range: range, arena: arena)
        guard let count = try unpickler.load().integer, count >= 0 else {
            throw file.damaged("the number of storages is missing")
        }
        for _ in 0..<min(count, range.count) {
            let parts = try unpickler.load().elements ?? []
            guard parts.count == 3, let key = parts[0].integer, case .global(.storage(let type)) = parts[2] else {
                throw file.damaged("a storage is described wrongly")
            }
            let data = try TorchStorages.one(file, type, at: unpickler.position, before: range.upperBound)
            types[key] = type
            ranges["\(key)"] = data
            unpickler = Unpickler(file, range: data.upperBound..<range.upperBound, arena: arena)
        }
        for view in try unpickler.load().elements ?? [] {
            guard let parts = view.integers, parts.count == 4, let type = types[parts[1]],
                let root = ranges["\(parts[1])"], parts[2] >= 0, parts[3] >= 0,
                parts[2] <= root.count / type.byteCount, parts[3] <= root.count / type.byteCount - parts[2]
            else { throw file.damaged("a view of a storage reaches outside of it") }
            let start = root.lowerBound + parts[2] * type.byteCount
            types[parts[0]] = type
            ranges["\(parts[0])"] = start..<(start + parts[3] * type.byteCount)
        }
        return (types, ranges)
    }

    /// The number of tensors; for each `(key, storage key, class)` and then dimensions, sizes, strides and offset.
    private static func tensors(
        _ file: FileContents, _ range: Range<Int>, _ arena: PickleArena, _ types: [Int: TensorType]
    ) throws(CheckpointError) -> [Int: PickleTensor] {
        var tensors: [Int: PickleTensor] = [:]
        var unpickler = Unpickler(file, range: range, arena: arena)
        guard let count = try unpickler.load().integer, count >= 0 else {
            throw file.damaged("the number of tensors is missing")
        }
        for _ in 0..<min(count, range.count) {
            let parts = try unpickler.load().elements ?? []
            guard parts.count == 3, let key = parts[0].integer, let storage = parts[1].integer,
                let type = types[storage]
            else { throw file.damaged("a tensor is described wrongly") }
            var position = unpickler.position
            func next() throws(CheckpointError) -> Int {
                defer { position += 8 }
                return Int(truncatingIfNeeded: try file.number(at: position, width: 8))
            }
            let dimensions = Int(UInt32(truncatingIfNeeded: try next()))
            guard dimensions <= 64 else { throw file.damaged("a tensor has \(dimensions) dimensions") }
            var numbers: [Int] = []
            for _ in 0..<(2 * dimensions + 1) { numbers.append(try next()) }
            guard position <= range.upperBound else { throw file.damaged("the tensors end early") }
            tensors[key] = PickleTensor(
                storage: PickleStorage(type: type, key: "\(storage)", count: 0), offset: numbers[2 * dimensions],
                shape: Array(numbers[0..<dimensions]), strides: Array(numbers[dimensions..<(2 * dimensions)]))
            unpickler = Unpickler(file, range: position..<range.upperBound, arena: arena)
        }
        return tensors
    }

    /// Names and data of a tar's regular members. Source: POSIX.1-1988 ustar.
    private static func members(of file: FileContents) throws(CheckpointError) -> [String: Range<Int>] {
        var members: [String: Range<Int>] = [:]
        var at = 0
        while at + 512 <= file.bytes.count, file.bytes[at] != 0 {
            let name = String(decoding: file.bytes[at..<(at + 100)].prefix { $0 != 0 }, as: UTF8.self)
            let digits = file.bytes[(at + 124)..<(at + 136)].filter { (48...55).contains($0) }
            let size = digits.reduce(0) { $0 << 3 | Int($1 - 48) }
            let start = at + 512
            guard size <= file.bytes.count - start else {
                throw file.damaged("the tar member '\(name)' reaches beyond the end")
            }
            let kind = file.bytes[at + 156]
            if kind == UInt8(ascii: "0") || kind == 0 { members[name] = start..<(start + size) }
            at = start + (size + 511) / 512 * 512
        }
        return members
    }

    static func isTar(_ file: FileContents) -> Bool {
        file.bytes.count >= 512 && file.bytes[257..<262].elementsEqual(Array("ustar".utf8))
    }
}
