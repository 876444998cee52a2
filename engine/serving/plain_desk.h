#pragma once
// What the gateway itself can answer for the applications search, ads and inventory, when no model
// does: a BM25 list or the best-sellers, click rates, last week's sales.

#include "engine/model/plain_answers.h"
#include "engine/proto/kserve.pb.h"

#include <optional>

namespace engine {

/// Immutable; any thread. An empty one serves no application.
class PlainDesk
{
public:
    PlainDesk() = default;
    /// Reads the folders of these applications of the shop.
    [[nodiscard]] static Result<PlainDesk> open(const std::filesystem::path &shop,
                                                const std::vector<std::string> &applications);
    /// Without any file: inventory needs none, the others have nothing to say.
    explicit PlainDesk(std::vector<std::string> applications)
        : m_applications(std::move(applications))
    {
    }

    [[nodiscard]] bool serves(std::string_view application) const;
    [[nodiscard]] const std::vector<std::string> &applications() const { return m_applications; }
    /// The answer of a step of the application's chain: list, popular (search), base-rate (ads),
    /// seasonal-naive (inventory). False: it has none to this request, go on. InvalidInput: the
    /// request itself is wrong.
    [[nodiscard]] Result<bool> answer(std::string_view step,
                                      const inference::ModelInferRequest &request,
                                      inference::ModelInferResponse &to) const;

private:
    std::vector<std::string> m_applications;
    std::optional<PlainSearch> m_search;
    std::optional<BaseRates> m_rates;
};

} // namespace engine
