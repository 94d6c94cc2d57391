import Foundation

/// A regular file's bytes, read into memory at once: a mapped file that is shortened meanwhile ends the program. Only files
/// of more than `mapsAbove` bytes are mapped.
///
/// `@unchecked Sendable`: the bytes are never written again and live as long as this object.
package final class FileContents: @unchecked Sendable {
    /// The file's name in messages.
    package let name: String
    package let bytes: UnsafeRawBufferPointer
    /// What is to be unmapped or deallocated: all that was asked for, though the file may have ended earlier.
    private let memory: UnsafeMutableRawBufferPointer
    private let isMapped: Bool

    /// For a path that need not be UTF-8. Refuses files of more than `limit` bytes.
    package init(_ path: [UInt8], name: String, limit: Int = .max, mapsAbove: Int = .max) throws(FileError) {
        let (descriptor, size) = try RegularFile.open(path, name: name)
        defer { close(descriptor) }
        guard size <= limit else { throw .tooLong(file: name, limit: limit, found: size) }
        self.name = name
        isMapped = size > mapsAbove
        if isMapped {
            guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
                throw .cannotOpen(file: name, reason: systemMessage(errno))
            }
            memory = UnsafeMutableRawBufferPointer(start: start, count: size)
            bytes = UnsafeRawBufferPointer(memory)
        } else {
            memory = .allocate(byteCount: size, alignment: 64)
            let (count, error) = readAll(into: memory, from: descriptor)
            guard error == 0 else {
                memory.deallocate()
                throw .cannotOpen(file: name, reason: systemMessage(error))
            }
            bytes = UnsafeRawBufferPointer(rebasing: memory[..<count])
        }
    }

    deinit { if isMapped { munmap(memory.baseAddress, memory.count) } else { memory.deallocate() } }
}
