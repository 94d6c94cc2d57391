import Support

/// Why an image or a folder of images cannot be used. The description is one line: the file, what is wrong, what to do.
package enum ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be opened or read; `reason` is the system's.
    case unreadable(file: String, reason: String)
    case notARegularFile(file: String)
    case empty(file: String)
    /// The first bytes belong to no kind that we read; `found` says what they look like.
    case unknownKind(file: String, found: String)
    case cutShort(file: String, kind: String)
    case damaged(file: String, kind: String, detail: String)
    case unsupported(file: String, kind: String, detail: String)
    /// The program was built without the format's library, which is in `package`.
    case builtWithout(file: String, kind: String, _ package: String)
    /// The format's library cannot be opened; `reason` is the system's.
    case libraryMissing(file: String, kind: String, reason: String)
    case tooLarge(file: String, width: Int, height: Int)
    case tooManyBytes(file: String, bytes: Int)
    /// A folder that is not what ImageFolder needs; `problem` says what is wrong and what to do.
    case folder(path: String, problem: String)

    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): cannot be read: \(reason)"
        case .notARegularFile(let file): "\(file): is not a regular file; only files are read"
        case .empty(let file): "\(file): is empty (0 bytes); copy it again or delete it"
        case .unknownKind(let file, let found): "\(file): \(found)"
        case .cutShort(let file, let kind): "\(file): the \(kind) is cut short; copy it again or delete it"
        case .damaged(let file, let kind, let detail): "\(file): damaged \(kind): \(detail)"
        case .unsupported(let file, let kind, let detail):
            "\(file): a \(kind) that cannot be read: \(detail); convert it to PNG or JPEG"
        case .builtWithout(let file, let kind, let package):
            "\(file): a \(kind), and frostline was built without it; install \(package) and build again, or convert to JPEG"
        case .libraryMissing(let file, let kind, let reason):
            "\(file): a \(kind), whose library is missing: \(reason); install it, or convert the picture to JPEG"
        case .tooLarge(let file, let width, let height):
            "\(file): \(width)×\(height) pixels is more than the limit of \(ImageDecoder.maximumPixels); make it smaller"
        case .tooManyBytes(let file, let bytes):
            "\(file): \(bytes) bytes is more than the limit of \(ImageDecoder.maximumBytes); make it smaller"
        case .folder(let path, let problem): "\(path): \(problem)"
        }
    }

    init(_ error: FileError) {
        self =
            switch error {
            case .cannotOpen(let file, let reason), .cannotWrite(let file, let reason, _):
                .unreadable(file: file, reason: reason)
            case .notRegular(let file, _): .notARegularFile(file: file)
            case .tooLong(let file, _, let found): .tooManyBytes(file: file, bytes: found)
            }
    }
}
