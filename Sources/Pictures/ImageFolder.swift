/// torchvision's ImageFolder layout: a folder per class.
public struct ImageFolder: Sendable {
    public let classes: [String]
    public let training: FolderPictures
    public let validation: FolderPictures
    public let warnings: [String]
    public let skippedCount: Int

    public static func open(
        _ path: String, validationSplit: Double, seed: UInt64, exif: ExifHandling,
        progress: (@Sendable (Int) -> Void)? = nil
    ) throws -> ImageFolder {
        throw PictureError.folder(path: path, problem: "not yet")
    }
}
