#include "app/train/application_data.h"

#include "engine/base/files.h"
#include "engine/data/synthetic_ads.h"
#include "engine/model/plain_answers.h"
#include "engine/scoring/ctr_scorer.h"

#include <algorithm>

namespace app {
namespace {

using namespace engine;

constexpr std::uint64_t kMostViews = 8'000, kRequests = 400;

class AdsData final : public ApplicationData
{
public:
    AdsData(SyntheticAdsRecipe recipe, std::uint64_t seed)
        : m_views(std::min(recipe.views, kMostViews)), m_ads(std::move(recipe), seed)
    {
    }

    Result<TrainOrder> prepare(const std::filesystem::path &folder,
                               const std::filesystem::path &application) override
    {
        DR_RETURN_IF_ERROR(writeTextAtomically(folder / "clicks.csv", m_ads.csv(0, m_views)));
        BaseRates rates;
        const auto ad = columnOf(std::string(BaseRates::kAd));
        for (std::uint64_t number = 0; number < m_views; ++number) {
            const auto view = m_ads.view(number);
            const auto shown = std::min<std::size_t>(m_ads.recipe().slots, view.candidates.size());
            for (std::uint32_t slot = 1; slot <= shown; ++slot)
                rates.learn(m_ads.row(view, view.candidates[slot - 1], slot)[ad], slot,
                            m_ads.clicked(view, slot));
        }
        DR_RETURN_IF_ERROR(rates.save(application));
        TrainOrder order;
        order.train.path = folder / "clicks.csv";
        order.train.columns["order"] = "view";
        DR_RETURN_IF_ERROR(setSetting(order.recipe, "folds=1"));
        return order;
    }

    Result<LabelledRequests> requests(const Package &package) override
    {
        const auto scorer = CtrScorer::open(package);
        if (!scorer)
            return tl::unexpected(scorer.error());
        LabelledRequests out;
        out.columns = (*scorer)->columns();
        std::vector<std::size_t> from;
        for (const auto &column : out.columns) {
            from.push_back(columnOf(column));
            if (from.back() == SyntheticAds::columns().size())
                return fail(ErrorCode::Internal,
                            "The model reads a column that ads have not: " + column);
        }
        for (std::uint64_t i = 0; i < kRequests; ++i) {
            const auto view = m_ads.view(m_ads.recipe().views + i);
            AdsRequest request;
            request.slots = m_ads.recipe().slots;
            for (const auto ad : view.candidates) {
                // All as if in the first slot: which one gets it is what the scores decide.
                const auto texts = m_ads.row(view, ad, 1);
                auto &row = request.rows.emplace_back();
                for (const auto at : from)
                    row.push_back(texts[at]);
                request.appeal.push_back(m_ads.appeal(view, ad));
            }
            out.ads.push_back(std::move(request));
        }
        return out;
    }

    Result<std::vector<float>> earned(const Package &package,
                                      const LabelledRequests &requests) override
    {
        const auto scorer = CtrScorer::open(package);
        if (!scorer)
            return tl::unexpected(scorer.error());
        std::vector<float> out;
        for (const auto &request : requests.ads) {
            const auto answers = (*scorer)->predict(request.rows);
            if (!answers)
                return tl::unexpected(answers.error());
            const std::vector<float> scores(answers->probabilities.begin(),
                                            answers->probabilities.end());
            out.push_back(static_cast<float>(request.worth(scores)));
        }
        return out;
    }

    Result<double> floor(const std::filesystem::path &application,
                         const LabelledRequests &requests) override
    {
        const auto rates = BaseRates::open(application);
        if (!rates)
            return tl::unexpected(rates.error());
        const auto ad = static_cast<std::size_t>(std::ranges::find(requests.columns, BaseRates::kAd)
                                                 - requests.columns.begin());
        double sum = 0;
        for (const auto &request : requests.ads) {
            std::vector<float> scores;
            for (const auto &row : request.rows)
                scores.push_back(
                    static_cast<float>(rates->rate(ad < row.size() ? row[ad] : "", 1)));
            sum += request.worth(scores);
        }
        return sum / static_cast<double>(std::max<std::size_t>(1, requests.ads.size()));
    }

private:
    static std::size_t columnOf(const std::string &name)
    {
        const auto &columns = SyntheticAds::columns();
        return static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin());
    }
    const std::uint64_t m_views;
    const SyntheticAds m_ads;
};

} // namespace

Result<std::unique_ptr<ApplicationData>> adsData(const ShopInfo &info)
{
    auto recipe = syntheticAdsRecipe(info.synthetic);
    if (!recipe)
        return tl::unexpected(recipe.error());
    return std::make_unique<AdsData>(std::move(*recipe), info.seed);
}

} // namespace app
