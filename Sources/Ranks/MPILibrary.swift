import Glibc

/// The functions of CMPIShim, found in its library when the program runs: linked to libmpi, the program would not start
/// where MPI is not installed.
///
/// Sendable as it is: pointers to code. Only the MPI thread may call what it has.
struct MPILibrary: Sendable {
    typealias Handle = UnsafeMutableRawPointer
    typealias Number = UnsafeMutablePointer<Int32>
    typealias Request = UnsafeMutablePointer<Handle?>

    static let fileName = "libfrostline-mpi.so"

    let start: @convention(c) (Number, Number) -> Int32
    let finalize: @convention(c) () -> Int32
    let host: @convention(c) (UnsafeMutablePointer<CChar>, Int32) -> Int32
    let errorText: @convention(c) (Int32, UnsafeMutablePointer<CChar>, Int32) -> Void
    let separateMessages: @convention(c) (Request) -> Int32
    let sumFloats: @convention(c) (UnsafeMutablePointer<Float>, Int32, Request) -> Int32
    let sumDoubles: @convention(c) (UnsafeMutablePointer<Double>, Int32, Request) -> Int32
    let broadcast: @convention(c) (Handle?, Int32, Request) -> Int32
    let gather: @convention(c) (Handle?, Int32, Handle?, Request) -> Int32
    let gatherVarying: @convention(c) (Handle?, Int32, Handle?, Number?, Number?, Request) -> Int32
    let barrier: @convention(c) (Request) -> Int32
    let send: @convention(c) (Handle?, Int32, Int32, Int32, Request) -> Int32
    let receive: @convention(c) (Handle?, Int32, Request) -> Int32
    let test: @convention(c) (Handle, Number, Number, Number, Number) -> Int32
    let cancel: @convention(c) (Handle) -> Void

    /// Loads the library beside the program, else in ../lib/frostline.
    static func open() throws(RankError) -> MPILibrary {
        var reason = "it is in neither"
        for path in candidates() where access(path, R_OK) == 0 {
            // Global, as Open MPI's plugins look for the functions of libmpi.
            guard let library = dlopen(path, RTLD_NOW | RTLD_GLOBAL) else {
                reason = lastProblem()
                continue
            }
            return try MPILibrary(library, path)
        }
        throw .libraryMissing(reason)
    }

    private static func candidates() -> [String] {
        guard let resolved = realpath("/proc/self/exe", nil) else { return [] }
        defer { free(resolved) }
        var parts = String(cString: resolved).split(separator: "/", omittingEmptySubsequences: true)
        guard parts.popLast() != nil else { return [] }
        let folder = "/" + parts.joined(separator: "/")
        return ["\(folder)/\(fileName)", "\(folder)/../lib/frostline/\(fileName)"]
    }

    private static func lastProblem() -> String { dlerror().map { String(cString: $0) } ?? "it cannot be loaded" }

    private init(_ library: Handle, _ path: String) throws(RankError) {
        // The types are those of CMPIShim.h.
        func function<Function>(_ name: String, as type: Function.Type) throws(RankError) -> Function {
            guard let symbol = dlsym(library, "frostline_mpi_\(name)") else {
                throw .libraryBroken(MPILibrary.lastProblem())
            }
            return unsafeBitCast(symbol, to: type)
        }
        let isThere = try function("is_there", as: (@convention(c) () -> Int32).self)
        guard isThere() == 1 else { throw .builtWithoutMPI(path) }
        start = try function("start", as: (@convention(c) (Number, Number) -> Int32).self)
        finalize = try function("finalize", as: (@convention(c) () -> Int32).self)
        host = try function("host", as: (@convention(c) (UnsafeMutablePointer<CChar>, Int32) -> Int32).self)
        errorText = try function(
            "error", as: (@convention(c) (Int32, UnsafeMutablePointer<CChar>, Int32) -> Void).self)
        separateMessages = try function("separate_messages", as: (@convention(c) (Request) -> Int32).self)
        sumFloats = try function(
            "sum_floats", as: (@convention(c) (UnsafeMutablePointer<Float>, Int32, Request) -> Int32).self)
        sumDoubles = try function(
            "sum_doubles", as: (@convention(c) (UnsafeMutablePointer<Double>, Int32, Request) -> Int32).self)
        broadcast = try function("broadcast", as: (@convention(c) (Handle?, Int32, Request) -> Int32).self)
        gather = try function("gather", as: (@convention(c) (Handle?, Int32, Handle?, Request) -> Int32).self)
        gatherVarying = try function(
            "gather_varying",
            as: (@convention(c) (Handle?, Int32, Handle?, Number?, Number?, Request) -> Int32).self)
        barrier = try function("barrier", as: (@convention(c) (Request) -> Int32).self)
        send = try function("send", as: (@convention(c) (Handle?, Int32, Int32, Int32, Request) -> Int32).self)
        receive = try function("receive", as: (@convention(c) (Handle?, Int32, Request) -> Int32).self)
        test = try function("test", as: (@convention(c) (Handle, Number, Number, Number, Number) -> Int32).self)
        cancel = try function("cancel", as: (@convention(c) (Handle) -> Void).self)
    }

    /// MPI's words for an error code.
    func text(of code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 512)
        errorText(code, &text, Int32(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
