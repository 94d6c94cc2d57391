import CPNG

extension Picture {
    /// Every depth and colour type, interlaced or not; alpha and transparent palette entries are dropped, not blended.
    init(png file: FileBytes) throws {
        let kind = PictureKind.png
        guard let base = file.bytes.bindMemory(to: UInt8.self).baseAddress, let reader = cpng_open(base, file.count)
        else { throw PictureError.damaged(file: file.name, kind: kind.rawValue, detail: "no memory for it") }
        defer { cpng_close(reader) }
        func check(_ status: cpng_status) throws {
            switch status {
            case CPNG_OK: return
            case CPNG_CUT_SHORT: throw PictureError.cutShort(file: file.name, kind: kind.rawValue)
            default:
                throw PictureError.damaged(
                    file: file.name, kind: kind.rawValue, detail: String(cString: cpng_message(reader)))
            }
        }
        var width: UInt32 = 0
        var height: UInt32 = 0
        try check(cpng_header(reader, &width, &height))
        let size = try PictureSize(width: Int(width), height: Int(height), file: file.name, kind: kind)
        try self.init(size) { try check(cpng_pixels(reader, $0)) }
    }
}
