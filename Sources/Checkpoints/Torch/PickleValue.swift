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
    /// A module of a TorchScript archive.
    case module(PickleModule)
    /// Something beside the weights that is plain data and of no use here.
    case inert
    case mark

    var text: String? { if case .string(let value) = self { value } else { nil } }
    var dictionary: PickleDictionary? { if case .dictionary(let value) = self { value } else { nil } }
    var isTensor: Bool {
        switch self {
        case .tensor, .holder: true
        default: false
        }
    }
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

final class PickleModule: PickleBox {
    /// nil until BUILD gives them.
    var attributes: PickleDictionary?
    override func clear() { attributes = nil }
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
    /// How many of the values are tensors, counted as they come: many names may share one dictionary of a million.
    private(set) var tensorCount = 0

    subscript(key: String) -> PickleValue? { index[key].map { pairs[$0].value } }

    override func clear() {
        pairs = []
        index = [:]
        tensorCount = 0
    }

    func set(_ key: PickleValue, _ value: PickleValue) {
        guard let key = key.text else { return }
        if value.isTensor { tensorCount += 1 }
        if let at = index[key] {
            if pairs[at].value.isTensor { tensorCount -= 1 }
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

/// Everything that a checkpoint may name. What is not here is refused by name; nothing is ever run.
enum AllowedGlobal: Equatable {
    case orderedDict, rebuildTensor, rebuildTensorV2, rebuildParameter
    /// A class or function whose results are plain data that no weight needs; "calling" it gives `.inert`.
    case inert
    /// Of TorchScript archives: the class of a module, and a function that returns its first argument.
    case scriptClass, scriptTag
    case storage(TensorType)
    /// A tensor class, as tar files name one; its elements' type follows from the storage.
    case tensorClass

    /// What trainers keep beside the weights: arguments, hyperparameters, paths, a best metric. Source: what timm 1.0,
    /// Lightning 2.6, fastai 2.8 and torchvision's references pickle.
    private static let inertNames: [String: Set<String>] = [
        "argparse": ["Namespace"], "collections": ["defaultdict", "Counter"], "fastcore.foundation": ["L"],
        "builtins": ["dict", "list", "set"], "__builtin__": ["dict", "list", "set"], "_codecs": ["encode"],
        "numpy": ["dtype"], "numpy.core.multiarray": ["scalar"], "numpy._core.multiarray": ["scalar"],
        "pathlib": ["Path", "PosixPath", "WindowsPath"], "pathlib._local": ["Path", "PosixPath", "WindowsPath"],
        "lightning.fabric.utilities.data": ["AttributeDict"], "lightning_fabric.utilities.data": ["AttributeDict"],
        "lightning.pytorch.utilities.parsing": ["AttributeDict"],
        "pytorch_lightning.utilities.parsing": ["AttributeDict"],
        "torch": ["Size", "device", "float32", "float16", "bfloat16", "float64"],
    ]
    private static let scriptLists: Set<String> = [
        "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
    ]

    /// `isScript`: of a TorchScript archive, whose modules are classes below `__torch__`.
    init?(module: String, name: String, isScript: Bool = false) {
        if Self.inertNames[module]?.contains(name) == true {
            self = .inert
            return
        }
        switch (module, name) {
        case (_, _) where isScript && module.hasPrefix("__torch__"): self = .scriptClass
        case ("torch.jit._pickle", "restore_type_tag") where isScript: self = .scriptTag
        case ("torch.jit._pickle", _) where isScript && Self.scriptLists.contains(name): self = .inert
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
