#if canImport(Glibc)
    import Glibc
#endif

/// What the processor says of its caches.
enum CacheSize {
    /// Bytes of a second-level cache; 512 KiB where the system does not know.
    static let secondLevel: Int = {
        #if os(Linux)
            let bytes = sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
            if bytes > 0 { return min(max(bytes, 256 << 10), 4 << 20) }
        #endif
        return 512 << 10
    }()
}
