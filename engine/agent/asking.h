#pragma once
// Asks the processes of the shop what their users ask, over gRPC, and looks at the answers.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/serving/model_dialect.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace engine {

struct ModelAnswer
{
    bool correct = false;     ///< k different known items, best first
    std::string path, digest; ///< reply parameters
    std::string error;
    int status = 0; ///< gRPC status code
};

/// One recommendation for a short history, from a replica or the gateway at 127.0.0.1:port.
[[nodiscard]] ModelAnswer askModel(std::uint16_t port, std::uint32_t items, Micros limit);
/// The same from a server that is not ours.
[[nodiscard]] ModelAnswer askModel(const std::string &address, const ModelDialect &dialect,
                                   std::uint32_t items, Micros limit);
/// Loads a version of the model ("" = that of its start) through the repository API of the server
/// at 127.0.0.1:port; Untrusted when the server refuses it.
[[nodiscard]] Result<> askToLoad(std::uint16_t port, const std::string &version, Micros limit);
/// What a replica answers to several histories at once.
struct GoldenAnswer
{
    std::string digest;
    std::vector<std::vector<std::int64_t>> lists; ///< best first, without filling
};
/// Keeps one connection to the server at 127.0.0.1:port. One thread.
class GoldenAsker
{
public:
    explicit GoldenAsker(std::uint16_t port);
    ~GoldenAsker();
    /// Nothing when it did not answer in time, or with something else.
    [[nodiscard]] std::optional<GoldenAnswer>
    ask(std::span<const std::vector<std::int64_t>> histories, int k, Micros limit) const;

private:
    struct Stub;
    std::unique_ptr<Stub> m_stub;
};
/// The store's statistics came back.
[[nodiscard]] bool askStore(std::uint16_t port, Micros limit);

} // namespace engine
