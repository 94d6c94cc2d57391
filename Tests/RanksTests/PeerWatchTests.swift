import Foundation
import Ranks
import Testing

@Suite struct PeerWatchTests {
    private func watch(_ rank: Int, processes: [Int32], machines: [UInt64]) -> PeerWatch {
        let identities = zip(processes, machines).map { PeerIdentity(host: "host\($1)", machine: $1, process: $0) }
        return PeerWatch(rank: rank, identities: identities, patience: 20, now: 0)
    }

    @Test func `an identity comes through as bytes`() {
        let own = PeerIdentity.own(host: "näme")
        #expect(own.bytes.count == PeerIdentity.size)
        #expect(PeerIdentity(bytes: own.bytes) == own)
        #expect(PeerIdentity(bytes: []).host.isEmpty)
    }

    @Test func `rank 0 hears all, the others rank 0`() {
        let machines: [UInt64] = [1, 2, 3]
        #expect(watch(0, processes: [1, 2, 3], machines: machines).heard == [1, 2])
        #expect(watch(2, processes: [1, 2, 3], machines: machines).heard == [0])
    }

    @Test func `silence for longer than the patience is a loss`() {
        var watch = watch(0, processes: [1, 2, 3], machines: [1, 2, 3])
        for second in 1...19 {
            watch.hear(1, at: Double(second))
            #expect(watch.loss(at: Double(second)) == nil)
        }
        #expect(watch.loss(at: 20) == nil)
        #expect(watch.loss(at: 20.1)?.description == "rank 2 on host3 has not answered for 20 s")
        #expect(watch.loss(at: 20.2, inDoubt: true)?.rank == 1)
    }

    @Test func `time in which a rank was stopped itself does not count`() {
        var watch = watch(1, processes: [1, 2], machines: [1, 2])
        #expect(watch.loss(at: 0.5) == nil)
        #expect(watch.loss(at: 500) == nil)
        #expect(watch.loss(at: 500.5) == nil)
    }

    @Test func `a process of this machine that has ended is lost at once, also before its parent has asked for it`() {
        // The highest process number that Linux gives is 4194304.
        var other = watch(0, processes: [getpid(), 4_194_305], machines: [1, 1])
        #expect(other.loss(at: 0)?.description == "rank 1 on host1 (process 4194305) has ended")
        var elsewhere = watch(0, processes: [getpid(), 4_194_305], machines: [1, 2])
        #expect(elsewhere.loss(at: 0) == nil)
        #expect(PeerWatch.isThere(getpid()) && PeerWatch.isThere(1))
    }
}

@Suite struct RankLaunchTests {
    @Test func `launchers say rank and count in the environment`() {
        let mpirun = [
            "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
            "SLURM_NTASKS": "9", "PMIX_RANK": "3",
        ]
        #expect(RankLaunch.place(in: mpirun) == RankLaunch.Place(rank: 3, count: 4, countHere: 2))
        let srun = ["SLURM_NTASKS": "4", "PMIX_RANK": "1", "SLURM_NTASKS_PER_NODE": "4"]
        #expect(RankLaunch.place(in: srun) == RankLaunch.Place(rank: 1, count: 4, countHere: 4))
        #expect(RankLaunch.place(in: ["SLURM_NTASKS": "2", "PMI_RANK": "0"])?.count == 2)
    }

    @Test func `one process, nonsense, and a job's shell are no ranks`() {
        #expect(RankLaunch.place(in: [:]) == nil)
        #expect(RankLaunch.place(in: ["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"]) == nil)
        #expect(RankLaunch.place(in: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "2"]) == nil)
        #expect(RankLaunch.place(in: ["SLURM_NTASKS": "8"]) == nil)
    }
}
