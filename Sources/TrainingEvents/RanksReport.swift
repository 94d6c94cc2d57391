/// The processes that train a run together, and how they keep step.
package struct RanksReport: Sendable, Equatable, Codable {
    /// Of each rank, the name of its machine.
    package var hosts: [String]
    /// Of each rank, the seconds that it waited for others in the last step.
    package var waits: [Double]

    package init(hosts: [String], waits: [Double]) {
        self.hosts = hosts
        self.waits = waits
    }

    package var count: Int { hosts.count }
    package var machines: Int { Set(hosts).count }

    /// The rank that waits least, for which the others do.
    package var slowest: Int? { waits.indices.min { (waits[$0], $0) < (waits[$1], $1) } }

    /// Milliseconds of a step that the rank that waits longest waits longer than the slowest.
    package var spread: Double { ((waits.max() ?? 0) - (waits.min() ?? 0)) * 1000 }
}
