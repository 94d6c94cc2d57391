import Support

/// Reads one pickle (protocols 2 to 5 as far as a checkpoint needs them) into plain values. It has no way to run anything:
/// names outside `AllowedGlobal` are refused, and "calling" an allowed one builds a value here.
///
/// Opcodes: CPython's Lib/pickletools.py. Memory is bounded: every value costs at least one
/// byte of pickle, a memo entry shares what it names, and the number of values has a limit.
struct Unpickler {
    private let file: FileContents
    private let end: Int
    private(set) var position: Int
    private var stack: [PickleValue] = []
    private var memo: [Int: PickleValue] = [:]

    /// The element type of every storage that was named, also of those that belong to no weight.
    private(set) var storageTypes: [String: TensorType] = [:]
    /// What the whole-number persistent ids of a tar file stand for.
    private let numberedTensors: [Int: PickleTensor]
    /// What `load` returned is empty once this is gone.
    private let arena: PickleArena
    /// Whether this is the pickle of a TorchScript archive.
    private let isScript: Bool
    /// Items of lists that became dictionaries, each copied.
    private var copied = 0

    private static let maximumStack = 1_000_000
    private static let maximumBoxes = 4_000_000

    /// `range`: where the pickle may lie in the file.
    init(
        _ file: FileContents, range: Range<Int>, arena: PickleArena, numberedTensors: [Int: PickleTensor] = [:],
        isScript: Bool = false
    ) {
        self.numberedTensors = numberedTensors
        self.isScript = isScript
        self.file = file
        self.arena = arena
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next pickle; `position` is behind its STOP afterwards.
    ///
    /// Throws `.unsafe` for a name off the allow-list, `.damaged` for bytes that make no sense.
    mutating func load() throws(CheckpointError) -> PickleValue {
        stack = []
        memo = [:]
        while true {
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") {
                let value = try pop()
                guard case .mark = value else { return value }
                throw damaged("the pickle ends with a mark")
            }
            try execute(opcode)
            guard stack.count <= Self.maximumStack, arena.count <= Self.maximumBoxes else {
                throw damaged("the pickle makes more objects than any state dict")
            }
        }
    }

    private mutating func execute(_ opcode: UInt8) throws(CheckpointError) {
        switch opcode {
        case 0x80:  // PROTO
            let version = try byte()
            guard version <= 5 else { throw damaged("pickle protocol \(version) is unknown") }
        case 0x95: _ = try bytes(8)  // FRAME
        case UInt8(ascii: "c"):  // GLOBAL
            let (module, name) = (try line(), try line())
            stack.append(try global(module, name))
        case 0x93:  // STACK_GLOBAL
            let (name, module) = (try pop(), try pop())
            guard let name = name.text, let module = module.text else { throw damaged("a global without a name") }
            stack.append(try global(module, name))
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
        case UInt8(ascii: "K"): stack.append(.int(Int(try number(1))))
        case UInt8(ascii: "M"): stack.append(.int(Int(try number(2))))
        case 0x8A: stack.append(try long(Int(try number(1))))  // LONG1
        case UInt8(ascii: "G"):  // BINFLOAT, big-endian
            stack.append(.float(Double(bitPattern: try number(8).byteSwapped)))
        case UInt8(ascii: "X"), UInt8(ascii: "T"): stack.append(.string(try string(Int(try number(4)))))
        case 0x8C, UInt8(ascii: "U"): stack.append(.string(try string(Int(try number(1)))))
        case UInt8(ascii: "C"): stack.append(.bytes(Array(try bytes(Int(try number(1))))))
        case UInt8(ascii: "B"): stack.append(.bytes(Array(try bytes(Int(try number(4))))))
        case UInt8(ascii: "q"): try remember(Int(try number(1)))
        case UInt8(ascii: "r"): try remember(Int(try number(4)))
        case 0x94: try remember(memo.count)  // MEMOIZE
        case UInt8(ascii: "h"): try recall(Int(try number(1)))
        case UInt8(ascii: "j"): try recall(Int(try number(4)))
        case UInt8(ascii: ")"): stack.append(.tuple(arena.keep(PickleTuple([]))))
        case UInt8(ascii: "t"): stack.append(.tuple(arena.keep(PickleTuple(try popToMark()))))
        case 0x85: stack.append(.tuple(arena.keep(PickleTuple([try pop()]))))
        case 0x86:
            let b = try pop()
            stack.append(.tuple(arena.keep(PickleTuple([try pop(), b]))))
        case 0x87:
            let (c, b) = (try pop(), try pop())
            stack.append(.tuple(arena.keep(PickleTuple([try pop(), b, c]))))
        case UInt8(ascii: "]"), 0x8F: stack.append(.list(arena.keep(PickleList())))  // EMPTY_LIST, EMPTY_SET
        case UInt8(ascii: "}"): stack.append(.dictionary(arena.keep(PickleDictionary())))
        case UInt8(ascii: "a"):
            let value = try pop()
            try append([value])
        case UInt8(ascii: "e"), 0x90:  // APPENDS, ADDITEMS
            let values = try popToMark()
            try append(values)
        case UInt8(ascii: "s"):
            let (value, key) = (try pop(), try pop())
            try set([key, value])
        case UInt8(ascii: "u"):
            let values = try popToMark()
            try set(values)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "Q"):
            let id = try pop()
            stack.append(try persistent(id))
        case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
            let (arguments, callee) = (try pop(), try pop())
            let made = try build(callee, arguments)
            stack.append(made)
        case UInt8(ascii: "b"):  // BUILD: mostly an OrderedDict's `_metadata`, which nothing here needs
            let state = try pop()
            switch try top() {
            case .dictionary, .tensor, .inert: break
            case .holder(let holder): holder.tensor = try tensor(ofState: state)
            case .module(let module): module.attributes = state.dictionary
            default: throw damaged("state for an object that has none")
            }
        default:
            throw damaged("the pickle holds the opcode 0x\(String(opcode, radix: 16)), which no state dict has")
        }
    }

    // MARK: Objects

    private static func isWordCharacter(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private func global(_ module: String, _ name: String) throws(CheckpointError) -> PickleValue {
        guard let allowed = AllowedGlobal(module: module, name: name, isScript: isScript) else {
            // A whole pickled module is not malice, only the wrong thing to have saved.
            if module.hasPrefix("torchvision.models") || module.hasPrefix("torch.nn.modules") {
                throw .unsupported(
                    file: file.name, found: "a whole module (\(module).\(name)) was pickled",
                    advice: "save its weights instead: torch.save(model.state_dict(), FILE)")
            }
            if module == "torch", name.hasSuffix("Storage"), name.utf8.allSatisfy(Self.isWordCharacter) {
                throw .unsupported(
                    file: file.name, found: "it holds tensors of a type that is not read (torch.\(name))",
                    advice: "save the weights as float32")
            }
            throw .unsafe(file: file.name, asks: "\(module).\(name)")
        }
        return .global(allowed)
    }

    private mutating func build(_ callee: PickleValue, _ arguments: PickleValue) throws(CheckpointError) -> PickleValue
    {
        guard case .global(let function) = callee, case .tuple(let tuple) = arguments else {
            throw damaged("something is called that cannot be")
        }
        let values = tuple.values
        switch function {
        case .orderedDict:
            let dictionary = arena.keep(PickleDictionary())
            if let items = values.first?.elements {
                copied += items.count
                guard copied <= Self.maximumBoxes else { throw damaged("the pickle copies one list again and again") }
                for pair in items.compactMap(\.elements) where pair.count == 2 { dictionary.set(pair[0], pair[1]) }
            }
            return .dictionary(dictionary)
        case .rebuildTensor, .rebuildTensorV2:
            return .tensor(try tensor(values))
        case .rebuildParameter:
            guard let first = values.first, case .tensor = first else { throw damaged("a parameter without a tensor") }
            return first
        case .tensorClass: return .holder(arena.keep(PickleHolder()))
        case .inert: return .inert
        case .scriptClass: return .module(arena.keep(PickleModule()))
        case .scriptTag: return values.first ?? .inert
        case .storage: throw damaged("a storage is called like a function")
        }
    }

    /// Storage, offset, shape, strides.
    private func tensor(_ values: [PickleValue]) throws(CheckpointError) -> PickleTensor {
        guard values.count >= 4, case .storage(let storage) = values[0], let offset = values[1].integer,
            let shape = values[2].integers, let strides = values[3].integers
        else { throw damaged("a tensor is described wrongly") }
        return PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    /// What fills an old tensor (its four fields) or an old parameter (its data first, then what training needs).
    private func tensor(ofState state: PickleValue) throws(CheckpointError) -> PickleTensor {
        let values = state.elements ?? []
        switch values.first {
        case .tensor(let tensor)?: return tensor
        case .holder(let holder)?:
            guard let tensor = holder.tensor else { throw damaged("a parameter without a tensor") }
            return tensor
        default: return try tensor(values)
        }
    }

    /// `('storage', class, key, device, count)`, and in legacy files a sixth: None or `(view key, offset, count)`.
    /// In tar files the id is a tensor's own number.
    private mutating func persistent(_ id: PickleValue) throws(CheckpointError) -> PickleValue {
        if let key = id.integer ?? id.text.flatMap({ Int($0) }), let tensor = numberedTensors[key] {
            return .tensor(tensor)
        }
        guard let parts = id.elements, parts.count >= 5, parts[0].text == "storage",
            case .global(.storage(let type)) = parts[1], let key = parts[2].text, let count = parts[4].integer,
            count >= 0
        else { throw damaged("a storage is described wrongly") }
        var storage = PickleStorage(type: type, key: key, count: count)
        if parts.count > 5, let view = parts[5].elements, view.count == 3, let offset = view[1].integer, offset >= 0 {
            storage.viewOffset = offset
        }
        storageTypes[key] = type
        return .storage(storage)
    }

    // MARK: Stack and memo

    private mutating func pop() throws(CheckpointError) -> PickleValue {
        guard let value = stack.popLast() else { throw damaged("the pickle takes more than it made") }
        return value
    }

    private func top() throws(CheckpointError) -> PickleValue {
        guard let value = stack.last else { throw damaged("the pickle takes more than it made") }
        return value
    }

    private mutating func popToMark() throws(CheckpointError) -> [PickleValue] {
        guard let at = stack.lastIndex(where: { if case .mark = $0 { true } else { false } }) else {
            throw damaged("a mark is missing")
        }
        let values = Array(stack[(at + 1)...])
        stack.removeSubrange(at...)
        return values
    }

    private func append(_ values: [PickleValue]) throws(CheckpointError) {
        switch try top() {
        case .list(let list): list.values += values
        case .inert: break
        default: throw damaged("something is appended to what is no list")
        }
    }

    private func set(_ values: [PickleValue]) throws(CheckpointError) {
        if case .inert = try top() { return }
        guard case .dictionary(let dictionary) = try top(), values.count % 2 == 0 else {
            throw damaged("items are set on what is no dictionary")
        }
        for at in stride(from: 0, to: values.count, by: 2) { dictionary.set(values[at], values[at + 1]) }
    }

    private mutating func remember(_ index: Int) throws(CheckpointError) { memo[index] = try top() }

    private mutating func recall(_ index: Int) throws(CheckpointError) {
        guard let value = memo[index] else { throw damaged("the pickle recalls what it never noted") }
        stack.append(value)
    }

    // MARK: Bytes

    private mutating func bytes(_ count: Int) throws(CheckpointError) -> Slice<UnsafeRawBufferPointer> {
        guard count >= 0, count <= end - position else { throw damaged("the pickle ends early") }
        defer { position += count }
        return file.bytes[position..<(position + count)]
    }

    private mutating func byte() throws(CheckpointError) -> UInt8 { UInt8(try number(1)) }

    private mutating func number(_ width: Int) throws(CheckpointError) -> UInt64 {
        try bytes(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func string(_ count: Int) throws(CheckpointError) -> String {
        String(decoding: try bytes(count), as: UTF8.self)
    }

    private mutating func line() throws(CheckpointError) -> String {
        var characters: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { return String(decoding: characters, as: UTF8.self) }
            guard characters.count < 4096 else { throw damaged("a name of more than 4096 characters") }
            characters.append(next)
        }
    }

    private mutating func long(_ count: Int) throws(CheckpointError) -> PickleValue {
        let raw = Array(try bytes(count))
        guard raw.count <= 8 else { return .bigInt(raw) }
        guard let top = raw.last else { return .int(0) }
        var value = top & 0x80 != 0 ? -1 : 0
        for byte in raw.reversed() { value = value << 8 | Int(byte) }
        return .int(value)
    }

    private func damaged(_ problem: String) -> CheckpointError { file.damaged("\(problem) (at byte \(position))") }
}
