// Family mf: its solvers solve what they claim, the blend beats popularity and never the oracle, a
// request has the same bits alone and in a batch, a training
// that was stopped goes on to the same bytes, and few shoppers are enough.

#include "engine/base/random.h"
#include "engine/data/earned.h"
#include "engine/data/oracle.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/model/popularity.h"
#include "engine/scoring/kernels.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/mf/bpr.h"
#include "engine/training/mf/factoriser.h"
#include "engine/training/mf/mf_trainer.h"
#include "tests/support/quiet_monitor.h"

#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

using namespace engine;

class TestMf : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void conjugateGradientsFindTheExactSolution();
    void foldInByRowsAgreesWithFoldInByFactors();
    void spectrumGivesTheMatrixBack();
    void sortedListsHaveNoOrder();
    void carvedLabelsAreNotTrainedOn();
    void mixesAreJudgedAsTheyRank();
    void blendBeatsPopularityAndNotTheOracle();
    void linearGaussianCaseIsSolved();
    void oneRequestHasTheBitsOfABatch();
    void sameSeedSameBytesWithAnyThreads();
    void resumedTrainingGivesTheSameBytes();
    void stopIsHeard();
    void bprLearnsAndRepeatsItself();
    void brokenNumbersAreSeen();
    void fiveShoppersAreEnough();
    void wrongSettingsAreRefused_data();
    void wrongSettingsAreRefused();
    void damagedPackagesAreRefused();

private:
    [[nodiscard]] Result<Package> packaged(const TrainedModel &model);
    std::optional<SyntheticShop> m_shop;
    Dataset m_all;
    Split m_split;
    std::optional<TrainedModel> m_blend;
    QTemporaryDir m_dir;
    std::optional<SigningKey> m_key;
    int m_next = 0;
};

namespace {

TrainOrder orderWith(std::initializer_list<const char *> settings)
{
    TrainOrder order;
    for (const auto *one : settings) {
        if (!setSetting(order.recipe, one))
            qFatal("%s", one);
    }
    return order;
}

Dataset numbered(std::uint32_t items, const std::vector<std::vector<std::uint32_t>> &lists)
{
    Dataset data;
    data.items = items;
    data.offsets = {0};
    for (const auto &list : lists) {
        data.events.insert(data.events.end(), list.begin(), list.end());
        data.offsets.push_back(data.events.size());
        data.shopperIds.push_back("s" + std::to_string(data.shopperIds.size()));
    }
    for (std::uint32_t i = 0; i < items; ++i)
        data.itemIds.push_back(std::to_string(i));
    data.itemTitles.resize(items);
    return data;
}

bool sameTensors(const TrainedModel &a, const TrainedModel &b)
{
    if (a.tensors.size() != b.tensors.size() || a.manifest.settings != b.manifest.settings)
        return false;
    for (std::size_t t = 0; t < a.tensors.size(); ++t) {
        if (a.tensors[t].name != b.tensors[t].name || a.tensors[t].data != b.tensors[t].data)
            return false;
    }
    return true;
}

} // namespace

void TestMf::initTestCase()
{
    at::set_num_threads(1);
    m_key = *SigningKey::loadOrCreate(m_dir.path().toStdString() + "/keys/signing.key");
    m_shop.emplace(*syntheticRecipe("tiny"), 1);
    m_all = m_shop->generate(1);
    m_split = splitByTime(m_all);
    test::QuietMonitor monitor;
    auto model = trainMf(m_split.train, {}, {}, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    m_blend = std::move(*model);
}

Result<Package> TestMf::packaged(const TrainedModel &model)
{
    std::vector<TensorSource> sources;
    for (const auto &tensor : model.tensors)
        sources.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    auto manifest = model.manifest;
    manifest.version = "1";
    const auto folder = m_dir.path().toStdString() + "/p" + std::to_string(m_next++);
    const auto digest = writePackage(folder, manifest, sources, *m_key, model.files);
    if (!digest)
        return tl::unexpected(digest.error());
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    return readPackage(folder, policy);
}

void TestMf::conjugateGradientsFindTheExactSolution()
{
    const c10::InferenceMode inference;
    const auto rows = shopperRows(m_split.train);
    const Ridge ridge{0.1, 0.02, 0.8};
    constexpr int kFactors = 24; // padded to 32
    Factoriser training(rows, kFactors, ridge, 60, 3, 2);
    QVERIFY(training.epoch({}));
    const auto before = training.state();
    QVERIFY(training.epoch({}));
    // The exact solver, from the factors of the first epoch.
    const auto items = at::zeros({static_cast<std::int64_t>(rows.columns) + 1, kFactors});
    items.narrow(0, 0, static_cast<std::int64_t>(rows.columns))
        .copy_(before.items.narrow(1, 0, kFactors));
    auto exact = at::zeros({static_cast<std::int64_t>(rows.rows()), kFactors});
    QVERIFY(HalfStep(rows, kFactors).solve(items, ridge, exact, 1, {}));
    // An epoch may turn both sides: what shoppers are to each other and to the items does not turn.
    const auto shoppers = training.state().shoppers;
    const auto off = [](const at::Tensor &a, const at::Tensor &b) {
        return a.sub(b).abs().max().item<double>() / a.abs().max().item<double>();
    };
    const auto wanted = at::mm(exact, exact.t()), found = at::mm(shoppers, shoppers.t());
    QVERIFY(wanted.abs().max().item<double>() > 1e-4);
    QVERIFY2(off(wanted, found) < 4e-3, qPrintable(QString::number(off(wanted, found))));
    QVERIFY(shoppers.narrow(1, kFactors, 8).abs().max().item<double>() < 1e-6);
    // The items of the second epoch solve their side against these shoppers.
    const auto taken = transposed(rows);
    auto fixed = at::zeros({static_cast<std::int64_t>(rows.rows()) + 1, kFactors});
    fixed.narrow(0, 0, static_cast<std::int64_t>(rows.rows()))
        .copy_(shoppers.narrow(1, 0, kFactors));
    auto exactItems = at::zeros({static_cast<std::int64_t>(rows.columns), kFactors});
    QVERIFY(HalfStep(taken, kFactors).solve(fixed, ridge, exactItems, 1, {}));
    const auto foundItems = training.state().items.narrow(1, 0, kFactors);
    QVERIFY2(off(exactItems, foundItems) < 2e-3,
             qPrintable(QString::number(off(exactItems, foundItems))));
}

void TestMf::foldInByRowsAgreesWithFoldInByFactors()
{
    Random random(3, 3);
    for (const std::size_t count : {std::size_t{3}, std::size_t{16}, std::size_t{40}}) {
        constexpr std::size_t d = 16;
        std::vector<float> rows(count * d), plain(d), diagonal(d);
        for (auto &value : rows)
            value = static_cast<float>(random.normal());
        std::vector<double> shared(d), gram(d * d, 0.0), weights(count, 1.0), work;
        for (std::size_t k = 0; k < d; ++k) {
            shared[k] = 0.5 + random.uniform();
            gram[k * d + k] = shared[k] - 0.25;
        }
        QVERIFY(foldIn(rows, d, gram, 0.25, plain, work));
        QVERIFY(foldInDiagonal(rows, d, weights, shared, diagonal, work));
        for (std::size_t k = 0; k < d; ++k)
            QVERIFY(std::abs(plain[k] - diagonal[k]) < 1e-5f);
        // A weight of 2 is the row twice.
        weights[0] = 2;
        auto twice = rows;
        twice.insert(twice.end(), rows.begin(), rows.begin() + d);
        QVERIFY(foldIn(twice, d, gram, 0.25, plain, work));
        QVERIFY(foldInDiagonal(rows, d, weights, shared, diagonal, work));
        for (std::size_t k = 0; k < d; ++k)
            QVERIFY(std::abs(plain[k] - diagonal[k]) < 1e-5f);
        shared[0] = -1e6;
        if (count >= d)
            QVERIFY(!foldInDiagonal(rows, d, weights, shared, diagonal, work));
    }
}

void TestMf::spectrumGivesTheMatrixBack()
{
    const c10::InferenceMode inference;
    const auto data = numbered(30, {{0, 1, 2}, {1, 2, 3, 4}, {5, 6}, {6, 7, 8}, {0, 29}, {9, 1}});
    const auto matrix = takenMatrix(shopperRows(data), 0.25, 0.4);
    const auto whole = leadingSpectrum(matrix, 6, 4, 1, 1, {});
    QVERIFY(whole);
    QCOMPARE(whole->values.size(0), std::int64_t{6});
    const auto back = at::mm(whole->left.mul(whole->values), whole->right.t()).contiguous();
    const float *value = matrix.values.data();
    double most = 0, sum = 0;
    for (std::size_t r = 0; r < 6; ++r) {
        for (const auto column : matrix.rows.of(r)) {
            const float got = back.data_ptr<float>()[static_cast<std::int64_t>(r) * 30 + column];
            most = std::max(most, static_cast<double>(std::abs(got - *value++)));
            sum += std::abs(static_cast<double>(got));
        }
    }
    QVERIFY2(most < 1e-5 && sum > 1, qPrintable(QStringLiteral("%1 %2").arg(most).arg(sum)));
    // The first value alone is the largest, and asking for more than there is gives what there is.
    const auto one = leadingSpectrum(matrix, 1, 8, 2, 1, {});
    QVERIFY(std::abs(one->values[0].item<double>() - whole->values[0].item<double>()) < 1e-4);
    QCOMPARE(leadingSpectrum(matrix, 500, 2, 1, 1, {})->values.size(0), std::int64_t{6});

    std::vector<double> from, to;
    const auto followed = followedMatrix(numbered(4, {{0, 1, 0, 2}}), 2, 0, from, to);
    // 0 -> 1 once next, 0 -> 2 next and once behind another, 1 -> 0 next, 1 -> 2 behind another.
    QCOMPARE(followed.rows.indices, (std::vector<std::int64_t>{1, 2, 0, 2}));
    QCOMPARE(followed.values, (std::vector<float>{1, 1, 1, 0.5f}));
    QCOMPARE(from, (std::vector<double>{2, 1.5, 0, 0}));
    QCOMPARE(to, (std::vector<double>{1, 1, 1.5, 0}));
}

void TestMf::sortedListsHaveNoOrder()
{
    QVERIFY(keepsOrder(m_all));
    std::vector<std::vector<std::uint32_t>> lists;
    for (std::size_t s = 0; s < m_all.shoppers(); ++s) {
        const auto events = m_all.of(s);
        lists.emplace_back(events.begin(), events.end());
        std::sort(lists.back().begin(), lists.back().end());
    }
    const auto sorted = numbered(m_all.items, lists);
    QVERIFY(!keepsOrder(sorted));
    const auto options = readMfOptions({}, sorted);
    QVERIFY(options && options->transition == 0 && options->cutoff == 20);
}

void TestMf::carvedLabelsAreNotTrainedOn()
{
    for (const bool isOrdered : {true, false}) {
        const auto carved = carve(m_all, {}, isOrdered, 0.1, 1'000'000, 1);
        std::size_t labels = 0;
        QVERIFY(carved.validation.shoppers() > 300);
        for (std::size_t v = 0; v < carved.validation.shoppers(); ++v) {
            labels += carved.validation.labels[v].size();
            for (const auto label : carved.validation.labels[v])
                QVERIFY(!std::binary_search(carved.validation.known[v].begin(),
                                            carved.validation.known[v].end(),
                                            static_cast<std::int64_t>(label)));
        }
        QCOMPARE(carved.train.shoppers(), m_all.shoppers());
        QVERIFY(carved.train.events.size() + labels <= m_all.events.size());
        if (isOrdered) {
            QCOMPARE(carved.validation.labels.front().front(), m_all.of(0).back());
            QCOMPARE(carved.validation.newest.front().front(),
                     static_cast<std::int64_t>(m_all.of(0)[m_all.of(0).size() - 2]));
        } else {
            const auto share =
                static_cast<double>(labels) / static_cast<double>(m_all.events.size());
            QVERIFY2(share > 0.07 && share < 0.13, qPrintable(QString::number(share)));
        }
    }
    const auto given = carve(m_all, m_all, true, 0.1, 100, 1);
    QCOMPARE(given.train.events.size(), m_all.events.size());
    QCOMPARE(given.validation.shoppers(), std::size_t{0}); // all of it is known
}

void TestMf::mixesAreJudgedAsTheyRank()
{
    ValidationSet set;
    set.newest = {{2}};
    set.known = {{2}};
    set.labels = {{1}};
    const std::vector<float> one{4, 2, 9, 1}, two{0, 3, 0, 0}, flat{1, 1, 1, 1};
    const ItemPanels a(one, 4, 1), b(two, 4, 1), c(flat, 4, 1);
    const ScoredPart parts[] = {{&a, {1}}, {&b, {1}}, {&c, {1}}};
    const std::vector<float> scale{0.1f, 1, 1, 1};
    const Mix mixes[] = {{{1, 0, 0}, nullptr},
                         {{1, 1, 0}, nullptr},
                         {{1, 0, 0}, &scale},
                         {{0, 0, 1}, nullptr},
                         {{1, 0, 0}, nullptr}};
    const auto values = judgeMixes(set, parts, mixes, 3, 1);
    QCOMPARE(values[0], 1 / std::log2(3.0)); // behind item 0, the history not counted
    QCOMPARE(values[1], 1.0);
    QCOMPARE(values[2], 1.0);
    QCOMPARE(values[3], 0.5); // all ties: last of three
    QCOMPARE(judgeMixes(set, parts, mixes, 1, 1)[0], 0.0);
}

void TestMf::blendBeatsPopularityAndNotTheOracle()
{
    const auto package = packaged(*m_blend);
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    const auto scorer = openFullScorer(*package);
    QVERIFY2(scorer, scorer ? "" : scorer.error().text().c_str());
    auto rows = m_split.test;
    const auto oracle = oracleQuality(*m_shop, m_all, rows, 1);
    const auto popular = popularityQuality(popularityOrder(m_split.train), m_all, rows, &*m_shop);
    double ndcg = 0;
    for (const auto &row : rows) {
        const auto events = m_all.of(row.shopper).first(row.h);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        ndcg += Earned::ndcg10(row.label, (*scorer)->score(one, 10)->front().items);
    }
    ndcg /= static_cast<double>(rows.size());
    qInfo("tiny: popularity %.4f, blend %.4f, oracle %.4f +- %.4f", popular.ndcg, ndcg, oracle.ndcg,
          oracle.ndcgError);
    QVERIFY(ndcg > 1.5 * popular.ndcg);
    QVERIFY(ndcg < oracle.ndcg + 2 * oracle.ndcgError);
}

void TestMf::linearGaussianCaseIsSolved()
{
    // Tastes and goods are Gaussian vectors, what is taken next is drawn from
    // softmax(beta u . v) among what was not taken yet: nothing but a factorisation is asked for.
    constexpr std::uint32_t kShoppers = 1500, kItems = 600, kEvents = 100;
    constexpr double kBeta = 0.7;
    const auto drawn = [](std::uint32_t count, std::uint64_t stream) {
        Random random(11, stream);
        std::vector<std::array<double, 2>> vectors(count);
        for (auto &vector : vectors)
            vector = {random.normal(), random.normal()};
        return vectors;
    };
    const auto tastes = drawn(kShoppers, 1), goods = drawn(kItems, 2);
    const auto utility = [&](std::uint32_t s, std::uint32_t i) {
        return kBeta * (tastes[s][0] * goods[i][0] + tastes[s][1] * goods[i][1]);
    };
    std::vector<std::vector<std::uint32_t>> lists;
    Random random(11, 3);
    for (std::uint32_t s = 0; s < kShoppers; ++s) {
        // Draws without replacement are the first of utility + Gumbel noise.
        std::vector<std::pair<double, std::uint32_t>> order;
        for (std::uint32_t i = 0; i < kItems; ++i)
            order.emplace_back(utility(s, i) - std::log(random.exponential()), i);
        std::partial_sort(order.begin(), order.begin() + kEvents, order.end(), std::greater<>());
        auto &list = lists.emplace_back();
        for (std::uint32_t e = 0; e < kEvents; ++e)
            list.push_back(order[e].second);
    }
    const auto data = numbered(kItems, lists);
    auto order = orderWith({"method=ials", "factors=3", "alpha0=0.5", "lambda=0.01", "nu=1"});
    order.threads = 2;
    test::QuietMonitor monitor;
    const auto model = trainMf(data, {}, order, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    const auto scorer = openFullScorer(*package);
    QVERIFY(scorer);
    const auto popular = popularityOrder(data);
    double byModel = 0, byPopularity = 0, byOracle = 0;
    for (std::uint32_t s = 0; s < kShoppers; ++s) {
        // NDCG@10 expected over the true probabilities of what comes next: no noise of a draw.
        std::vector<double> chance(kItems);
        double sum = 0;
        for (std::uint32_t i = 0; i < kItems; ++i)
            chance[i] = std::exp(utility(s, i));
        for (const auto item : lists[s])
            chance[item] = 0;
        for (const double one : chance)
            sum += one;
        const auto worth = [&](const auto &list) {
            double total = 0;
            for (std::size_t k = 0; k < 10; ++k)
                total += chance[static_cast<std::size_t>(list[k])] / sum
                         / std::log2(static_cast<double>(k) + 2);
            return total;
        };
        const std::vector<std::vector<std::int64_t>> history{{lists[s].begin(), lists[s].end()}};
        byModel += worth((*scorer)->score(history, 10)->front().items);
        std::vector<std::uint32_t> plain, best(kItems);
        for (const auto item : popular) {
            if (chance[item] > 0)
                plain.push_back(item);
        }
        byPopularity += worth(plain);
        std::iota(best.begin(), best.end(), 0u);
        std::partial_sort(best.begin(), best.begin() + 10, best.end(),
                          [&](auto a, auto b) { return chance[a] > chance[b]; });
        byOracle += worth(best);
    }
    const double left = regret(byModel, byPopularity, byOracle);
    qInfo("linear-Gaussian: popularity %.4f, iALS %.4f, oracle %.4f, regret %.4f",
          byPopularity / kShoppers, byModel / kShoppers, byOracle / kShoppers, left);
    QVERIFY2(left <= 0.05 && left >= 0, qPrintable(QString::number(left)));
}

void TestMf::oneRequestHasTheBitsOfABatch()
{
    const auto package = packaged(*m_blend);
    const auto scorer = openFullScorer(*package);
    QVERIFY(scorer);
    std::vector<std::vector<std::int64_t>> histories{{}, {-1, 5'000'000}};
    for (std::size_t s = 0; s < 20; ++s) {
        const auto events = m_all.of(s);
        histories.emplace_back(events.begin(), events.end());
    }
    const auto batch = (*scorer)->score(histories, 10);
    QVERIFY(batch);
    for (std::size_t h = 0; h < histories.size(); ++h) {
        const auto alone = (*scorer)->score(std::span(histories).subspan(h, 1), 10);
        QCOMPARE(alone->front().items, (*batch)[h].items);
        QCOMPARE(alone->front().scores, (*batch)[h].scores);
        QCOMPARE(alone->front().items.size(), std::size_t{10});
    }
    // Without a known item: by popularity, and both the same.
    QCOMPARE((*batch)[0].items, (*batch)[1].items);
    const auto popular = popularityOrder(m_split.train);
    QCOMPARE((*batch)[0].items.front(), static_cast<std::int64_t>(popular.front()));
}

void TestMf::sameSeedSameBytesWithAnyThreads()
{
    test::QuietMonitor monitor;
    TrainOrder order;
    order.threads = 2;
    const auto again = trainMf(m_split.train, {}, order, monitor);
    QVERIFY(again);
    QVERIFY(sameTensors(*again, *m_blend));
    order.seed = 2;
    const auto other = trainMf(m_split.train, {}, order, monitor);
    QVERIFY(other && !sameTensors(*other, *m_blend));
}

void TestMf::resumedTrainingGivesTheSameBytes()
{
    for (const std::string_view at :
         {"settings 1 of 4, epoch 2", "settings 3 of 4, epoch 1", "on everything, epoch 1 of"}) {
        test::QuietMonitor first;
        first.keepsCheckpoints = true;
        first.onProgress = [at](test::QuietMonitor &monitor) {
            if (monitor.lastProgress.find(at) != std::string::npos)
                monitor.stopper.request_stop();
        };
        const auto stopped = trainMf(m_split.train, {}, {}, first);
        QVERIFY2(!stopped, at.data());
        QCOMPARE(stopped.error().code, ErrorCode::Halted);
        QVERIFY(first.saved);
        test::QuietMonitor second;
        second.saved = first.saved;
        const auto resumed = trainMf(m_split.train, {}, {}, second);
        QVERIFY2(resumed, resumed ? "" : resumed.error().text().c_str());
        QVERIFY(second.notes == first.notes);
        QVERIFY2(sameTensors(*resumed, *m_blend), at.data());
    }
    test::QuietMonitor foreign;
    foreign.saved = Bytes{1, 2, 3};
    const auto anew = trainMf(m_split.train, {}, {}, foreign);
    QVERIFY(anew && sameTensors(*anew, *m_blend));
    QCOMPARE(foreign.notes.size(), std::size_t{1});
}

void TestMf::stopIsHeard()
{
    test::QuietMonitor monitor;
    monitor.stopper.request_stop();
    const auto model = trainMf(m_split.train, {}, {}, monitor);
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::Halted);
    test::QuietMonitor late(std::chrono::microseconds(1));
    const auto cut = trainMf(m_split.train, {}, {}, late);
    QVERIFY2(cut, cut ? "" : cut.error().text().c_str());
    QVERIFY(packaged(*cut));
}

void TestMf::bprLearnsAndRepeatsItself()
{
    auto order = orderWith({"method=bpr", "factors=16", "epochs=30"});
    order.threads = 2;
    test::QuietMonitor monitor;
    const auto model = trainMf(m_split.train, {}, order, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto again = trainMf(m_split.train, {}, order, monitor);
    QVERIFY(again && sameTensors(*model, *again));
    const auto package = packaged(*model);
    const auto scorer = openFullScorer(*package);
    QVERIFY(scorer);
    const auto popular =
        popularityQuality(popularityOrder(m_split.train), m_all, m_split.test, nullptr);
    double ndcg = 0;
    for (const auto &row : m_split.test) {
        const auto events = m_all.of(row.shopper).first(row.h);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        ndcg += Earned::ndcg10(row.label, (*scorer)->score(one, 10)->front().items);
    }
    ndcg /= static_cast<double>(m_split.test.size());
    qInfo("tiny: popularity %.4f, bpr %.4f", popular.ndcg, ndcg);
    QVERIFY(ndcg > 1.2 * popular.ndcg);
}

void TestMf::brokenNumbersAreSeen()
{
    const c10::InferenceMode inference;
    const auto rows = shopperRows(m_split.train);
    Factoriser training(rows, 16, {0.1, 0.01, 1}, 3, 1, 1);
    QVERIFY(training.epoch({}));
    QVERIFY(training.isFinite());
    auto state = training.state();
    state.items = state.items.clone();
    state.items.data_ptr<float>()[7] = NAN;
    training.restore(state);
    QVERIFY(!training.isFinite());
}

void TestMf::fiveShoppersAreEnough()
{
    const auto data = numbered(6, {{0, 1, 2}, {1, 2, 3}, {0, 4}, {5}, {2, 3}});
    test::QuietMonitor monitor;
    const auto model = trainMf(data, {}, {}, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    QVERIFY(!monitor.notes.empty());
    const auto package = packaged(*model);
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    const auto scorer = openFullScorer(*package);
    QVERIFY2(scorer, scorer ? "" : scorer.error().text().c_str());
    const std::vector<std::vector<std::int64_t>> histories{{1, 2}, {0, 1, 2, 3, 4, 5}, {}};
    const auto lists = (*scorer)->score(histories, 10);
    QVERIFY(lists);
    QCOMPARE((*lists)[0].items.size(), std::size_t{4});
    QVERIFY((*lists)[1].items.empty());
    QCOMPARE((*lists)[2].items.front(), std::int64_t{2}); // the most taken

    for (const auto &lonely :
         {numbered(1, {{0}}), numbered(2, {{0, 1}}), numbered(3, {{0, 1, 2}})}) {
        test::QuietMonitor lonelyMonitor;
        const auto tiny = trainMf(lonely, {}, {}, lonelyMonitor);
        QVERIFY2(tiny, tiny ? "" : tiny.error().text().c_str());
        QVERIFY(openFullScorer(*packaged(*tiny)));
    }
    test::QuietMonitor quiet;
    const auto none = trainMf(Dataset{}, {}, {}, quiet);
    QVERIFY(!none);
    QCOMPARE(none.error().code, ErrorCode::InvalidInput);
}

void TestMf::wrongSettingsAreRefused_data()
{
    QTest::addColumn<QByteArray>("setting");
    QTest::addColumn<QString>("says");
    QTest::newRow("unknown") << QByteArray("factor=3") << "did you mean factors";
    QTest::newRow("range") << QByteArray("factors=0") << "from 1 to 2048";
    QTest::newRow("method") << QByteArray("method=als") << "blend, ials, linear, bpr";
    QTest::newRow("lambda") << QByteArray("lambda=0") << "lambda must be";
    QTest::newRow("order") << QByteArray("order=some") << "auto, kept, none";
}

void TestMf::wrongSettingsAreRefused()
{
    QFETCH(QByteArray, setting);
    QFETCH(QString, says);
    test::QuietMonitor monitor;
    const auto model = trainMf(m_split.train, {}, orderWith({setting.constData()}), monitor);
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::InvalidInput);
    QVERIFY2(QString::fromStdString(model.error().text()).contains(says),
             model.error().text().c_str());
}

void TestMf::damagedPackagesAreRefused()
{
    const auto refused = [&](const std::function<void(TrainedModel &)> &damage, const char *says) {
        auto model = *m_blend;
        damage(model);
        const auto package = packaged(model);
        if (!package)
            return false;
        const auto scorer = openFullScorer(*package);
        return !scorer
               && QString::fromStdString(scorer.error().text()).contains(QLatin1String(says));
    };
    const auto floats = [](OwnedTensor &tensor) {
        return reinterpret_cast<float *>(tensor.data.data());
    };
    QVERIFY(refused([&](TrainedModel &m) { floats(m.tensors[1])[3] = NAN; }, "NaN"));
    QVERIFY(refused([&](TrainedModel &m) { floats(m.tensors[2])[0] *= 2; }, "spectrum"));
    QVERIFY(refused([&](TrainedModel &m) { m.manifest.settings["factors"] += 1; }, "settings"));
    QVERIFY(refused([&](TrainedModel &m) { m.manifest.settings.erase("alpha0"); }, "alpha0"));
    QVERIFY(refused([&](TrainedModel &m) { m.tensors.erase(m.tensors.begin()); }, "counts"));
    QVERIFY(openFullScorer(*packaged(*m_blend)));
}

QTEST_GUILESS_MAIN(TestMf)
#include "tst_mf.moc"
