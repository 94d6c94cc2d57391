/// What the unpickler can make: plain data, and the few torch objects of a state dict. Containers are boxes, since a pickle
/// fills them after it has noted them in its memo.
indirect enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    /// A whole number beyond Int64 (the legacy magic), as little-endian two's complement.
    case bigInt([UInt8])
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case tuple(PickleTuple)
    case list(PickleList)
    case dictionary(PickleDictionary)
    /// A name from the allow-list, not called yet.
    case global(AllowedGlobal)
    case storage(PickleStorage)
    case tensor(PickleTensor)
    /// A tensor or parameter of the first PyTorch versions, made empty and filled by BUILD.
    case holder(PickleHolder)
    case mark

    var text: String? { if case .string(let value) = self { value } else { nil } }
    var integer: Int? {
        switch self {
        case .int(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }
    var elements: [PickleValue]? {
        switch self {
        case .tuple(let tuple): tuple.values
        case .list(let list): list.values
        default: nil
        }
    }
    /// A tuple or list of few whole numbers: a shape, or strides. (Many tensors may share one of a million in a file, and each
    /// would copy it.)
    var integers: [Int]? {
        guard let elements, elements.count <= 64 else { return nil }
        let numbers = elements.compactMap(\.integer)
        return numbers.count == elements.count ? numbers : nil
    }
}

/// A container that a pickle made.
class PickleBox {
    func clear() {}
}

final class PickleTuple: PickleBox {
    private(set) var values: [PickleValue]
    init(_ values: [PickleValue]) { self.values = values }
    override func clear() { values = [] }
}

final class PickleList: PickleBox {
    var values: [PickleValue] = []
    override func clear() { values = [] }
}

final class PickleHolder: PickleBox {
    var tensor: PickleTensor?
}

/// Owns every container of a pickle and empties them one by one at the end: a file that nests a million tuples would
/// otherwise overflow the stack when the outermost is released, and one that contains itself would never be.
final class PickleArena {
    private var boxes: [PickleBox] = []
    var count: Int { boxes.count }

    func keep<Box: PickleBox>(_ box: Box) -> Box {
        boxes.append(box)
        return box
    }

    deinit { for box in boxes { box.clear() } }
}

/// In the order of insertion. Keys that are no strings are dropped with their values: no state dict has any.
final class PickleDictionary: PickleBox {
    private(set) var pairs: [(key: String, value: PickleValue)] = []
    private var index: [String: Int] = [:]

    override func clear() {
        pairs = []
        index = [:]
    }

    func set(_ key: PickleValue, _ value: PickleValue) {
        guard let key = key.text else { return }
        if let at = index[key] {
            pairs[at].value = value
        } else {
            index[key] = pairs.count
            pairs.append((key, value))
        }
    }
}

/// A storage as a persistent id names it: element type, key, number of elements.
struct PickleStorage {
    let type: TensorType
    let key: String
    let count: Int
    /// Where a view of another storage begins, in elements (legacy files).
    var viewOffset = 0
}

struct PickleTensor {
    let storage: PickleStorage
    /// In elements.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// Everything that a state dict may name. What is not here is refused by name; nothing is ever run.
enum AllowedGlobal: Equatable {
    case orderedDict, rebuildTensor, rebuildTensorV2, rebuildParameter
    case storage(TensorType)
    /// A tensor class, as tar files name one; its elements' type follows from the storage.
    case tensorClass

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDict
        case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch.nn.parameter", "Parameter"): self = .tensorClass
        case ("torch", _) where Self.isTensorClass(name), ("torch.cuda", _) where Self.isTensorClass(name):
            self = .tensorClass
        case ("torch", _), ("torch.cuda", _), ("torch.storage", "UntypedStorage"):
            guard let type = TensorType(storage: name) else { return nil }
            self = .storage(type)
        default: return nil
        }
    }

    private static func isTensorClass(_ name: String) -> Bool {
        name.hasSuffix("Tensor") && TensorType(storage: name.dropLast(6) + "Storage") != nil
    }
}
