import Foundation

/// Pickles by hand, opcode by opcode, for files that no writer would make.
struct PickleBuilder {
    var bytes: [UInt8] = []

    static let start: [UInt8] = [0x80, 2]
    static let stop: [UInt8] = Array(".".utf8)

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func text(_ text: String) -> [UInt8] {
        Array("X".utf8) + little(UInt32(text.utf8.count)) + Array(text.utf8)
    }

    /// LONG1 of eight bytes.
    static func number(_ value: Int) -> [UInt8] { [0x8A, 8] + little(UInt64(bitPattern: Int64(value))) }

    static func tuple(_ parts: [[UInt8]]) -> [UInt8] { Array("(".utf8) + parts.flatMap(\.self) + Array("t".utf8) }

    static func tuple(_ numbers: [Int]) -> [UInt8] { tuple(numbers.map(number)) }

    static func storage(_ type: String = "FloatStorage", key: String = "0", count: Int = 24) -> [UInt8] {
        tuple([text("storage"), global("torch", type), text(key), text("cpu"), number(count)]) + Array("Q".utf8)
    }

    static func tensor(
        offset: Int = 0, shape: [Int], strides: [Int], storage: [UInt8] = PickleBuilder.storage(),
        function: String = "_rebuild_tensor_v2"
    ) -> [UInt8] {
        let hooks = global("collections", "OrderedDict") + Array(")R".utf8)
        let arguments = tuple([storage, number(offset), tuple(shape), tuple(strides), [0x89], hooks])
        return global("torch._utils", function) + arguments + Array("R".utf8)
    }

    /// A dictionary of names and what they stand for.
    static func dictionary(_ pairs: [(String, [UInt8])]) -> [UInt8] {
        Array("}(".utf8) + pairs.flatMap { text($0.0) + $0.1 } + Array("u".utf8)
    }

    /// A file of torch.save before 1.6 around an object: one storage, of 24 floats.
    static func legacy(_ object: [UInt8], littleEndian: Bool = true, count: Int = 24) -> [UInt8] {
        let magic: [UInt8] = [
            0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
        ]
        let system = dictionary([("little_endian", [littleEndian ? 0x88 : 0x89])])
        let keys = Array("](".utf8) + text("0") + Array("e".utf8)
        var bytes = magic
        for pickle in [number(1001), system, object, keys] { bytes += start + pickle + stop }
        bytes += little(UInt64(bitPattern: Int64(count)))
        for value in 0..<24 { bytes += little(Float(value).bitPattern) }
        return bytes
    }

    static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
