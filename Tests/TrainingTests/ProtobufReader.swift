import Foundation

/// The fields of a message in protobuf's wire format, in order; throws where the bytes are none.
struct ProtobufReader {
    enum Value {
        case integer(UInt64)
        case double(Double)
        case data(Data)
        case float(Float)
    }

    struct Malformed: Error {}

    let fields: [(number: Int, value: Value)]

    init(_ data: Data) throws {
        var rest = data[...]
        var fields: [(number: Int, value: Value)] = []
        func take(_ count: Int) throws -> Data {
            guard count >= 0, rest.count >= count else { throw Malformed() }
            defer { rest = rest.dropFirst(count) }
            return Data(rest.prefix(count))
        }
        func fixed(_ width: Int) throws -> UInt64 { try take(width).reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        func variable() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
                guard let byte = rest.popFirst() else { throw Malformed() }
                value |= UInt64(byte & 0x7F) << shift
                if byte & 0x80 == 0 { return value }
            }
            throw Malformed()
        }
        while !rest.isEmpty {
            let key = try variable()
            let number = Int(key >> 3)
            guard number > 0 else { throw Malformed() }
            switch key & 7 {
            case 0: fields.append((number, .integer(try variable())))
            case 1: fields.append((number, .double(Double(bitPattern: try fixed(8)))))
            case 2: fields.append((number, .data(try take(Int(clamping: try variable())))))
            case 5: fields.append((number, .float(Float(bitPattern: UInt32(try fixed(4))))))
            default: throw Malformed()
            }
        }
        self.fields = fields
    }

    func data(_ number: Int) -> [Data] {
        fields.compactMap { if $0.number == number, case .data(let data) = $0.value { data } else { nil } }
    }
    func messages(_ number: Int) throws -> [ProtobufReader] { try data(number).map { try ProtobufReader($0) } }
    func message(_ number: Int) throws -> ProtobufReader? { try messages(number).first }
    func texts(_ number: Int) -> [String] { data(number).map { String(decoding: $0, as: UTF8.self) } }
    func text(_ number: Int) -> String? { texts(number).first }
    func integers(_ number: Int) -> [Int] {
        fields.compactMap {
            if $0.number == number, case .integer(let value) = $0.value { Int(truncatingIfNeeded: value) } else { nil }
        }
    }
    func integer(_ number: Int) -> Int? { integers(number).first }
    func double(_ number: Int) -> Double? {
        fields.lazy.compactMap { if $0.number == number, case .double(let value) = $0.value { value } else { nil } }
            .first
    }
    func float(_ number: Int) -> Float? {
        fields.lazy.compactMap { if $0.number == number, case .float(let value) = $0.value { value } else { nil } }
            .first
    }
    /// A packed field of doubles.
    func doubles(_ number: Int) -> [Double] {
        guard let data = data(number).first else { return [] }
        return stride(from: 0, to: data.count - 7, by: 8).map { start in
            Double(
                bitPattern: data[(data.startIndex + start)..<(data.startIndex + start + 8)].reversed().reduce(0) {
                    $0 << 8 | UInt64($1)
                })
        }
    }
}
