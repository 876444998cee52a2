#pragma once
// What the benches of sequence models share: errors end the program, a monitor that prints, a
// package as a replica would load it.

#include "engine/training/sequence/sequence_training.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>

namespace bench {

using namespace engine;

template <class T>
T orExit(Result<T> result)
{
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().text());
        std::exit(exitCode(result.error().code));
    }
    return std::move(*result);
}

inline void orExit(const Result<> &result)
{
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().text());
        std::exit(exitCode(result.error().code));
    }
}

inline double secondsSince(MonoTime start)
{
    return static_cast<double>((systemClock().now() - start).count()) / 1e6;
}

class Printer final : public TrainMonitor
{
public:
    explicit Printer(int minutes, bool isLoud = true)
        : m_start(systemClock().now()), m_deadline(m_start + std::chrono::minutes(minutes)),
          m_loud(isLoud)
    {
    }
    void progress(const std::string &, double) override {}
    void metric(const std::string &name, std::int64_t step, double value) override
    {
        if (!m_loud)
            return;
        const double cpu = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
        fmt::print("{:6.1f} s, {:6.1f} s of CPU: epoch {}: {} {:.4f}\n", secondsSince(m_start), cpu,
                   step, name, value);
        std::fflush(stdout);
    }
    void note(const std::string &sentence) override
    {
        if (m_loud)
            fmt::print("{}\n", sentence);
    }
    std::stop_token stop() const override { return {}; }
    const Clock &clock() const override { return systemClock(); }
    MonoTime deadline() const override { return m_deadline; }
    std::optional<Bytes> resumeFrom() override { return std::nullopt; }
    bool isCheckpointDue() const override { return false; }
    Result<> checkpoint(const Bytes &) override { return {}; }

private:
    MonoTime m_start, m_deadline;
    bool m_loud;
};

/// Writes, signs with a throw-away key, reads back: what a replica would load.
inline Package packaged(const TrainedModel &model, const Dataset &data,
                        const std::filesystem::path &folder)
{
    std::filesystem::remove_all(folder);
    const auto key = orExit(SigningKey::loadOrCreate(folder.string() + ".key"));
    auto manifest = model.manifest;
    manifest.version = "1";
    std::vector<TensorSource> tensors;
    for (const auto &tensor : model.tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    std::string ids;
    for (const auto &id : data.itemIds)
        ids += id + "\n";
    auto files = model.files;
    files["items.txt"] = Bytes(ids.begin(), ids.end());
    orExit(writePackage(folder, manifest, tensors, key, files));
    PackagePolicy policy;
    policy.trusted = key.publicKey();
    return orExit(readPackage(folder, policy));
}

} // namespace bench
