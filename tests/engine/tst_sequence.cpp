// The family sequence: it learns, never beats the oracle, goes on after an interruption to the same
// bytes, survives NaN, and a reply has the same bits alone and in a batch.

#include "engine/base/files.h"
#include "engine/data/item_attributes.h"
#include "engine/data/oracle.h"
#include "engine/data/split.h"
#include "engine/scoring/int8_panels.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/sequence/sequence_batches.h"
#include "engine/training/sequence/sequence_quantise.h"
#include "engine/training/sequence/sequence_training.h"
#include "tests/support/quiet_monitor.h"

#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

using namespace engine;
using test::QuietMonitor;

class TestSequence : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void everyEventIsATargetOnce();
    void piecesKeepTheirSize();
    void negativesAreDifferentItems();
    void learnsAndStaysBelowTheOracle();
    void scorerRanksLikeTheTraining();
    void batchAndSingleHaveTheSameBits();
    void laterItemsMatter();
    void coldHistoryGetsPopularity();
    void resumedTrainingGivesTheSameBytes();
    void stoppedTrainingKeepsACheckpoint();
    void foreignCheckpointIsRefused();
    void divergenceIsAnError();
    void nanIsRolledBack();
    void bytesScoreLikeFloats();
    void int8ProductIsExact();
    void fineTuningGoesOnFromThePackage();
    void maskedPretrainingServesAndStarts();
    void distilledStudentIsSmaller();
    void gbceLearns();
    void spectrumIsABetterStart();
    void attributesAreRead();
    void attributesBecomePartOfTheItems();
    void badInputIsRefused_data();
    void badInputIsRefused();

private:
    [[nodiscard]] TrainOrder order(const std::vector<std::string> &set) const;
    [[nodiscard]] Package packaged(const TrainedModel &model);
    [[nodiscard]] double quality(const Package &package) const;
    [[nodiscard]] TrainedModel quick(const std::vector<std::string> &set);

    QTemporaryDir m_dir;
    std::optional<SigningKey> m_key;
    std::optional<SyntheticShop> m_shop;
    Dataset m_all, m_test;
    Split m_split;
    std::optional<Package> m_package;
    int m_next = 0;
};

namespace {

const Dataset kNoValid{};
/// Steps as small as the defaults make them for so little data.
const std::vector<std::string> kSmallSteps{"batch=256", "piece=128", "learning-rate=0.003",
                                           "average=0.99"};

std::vector<std::string> with(std::vector<std::string> set, const std::vector<std::string> &more)
{
    set.insert(set.end(), more.begin(), more.end());
    return set;
}

bool sameTensors(const TrainedModel &a, const TrainedModel &b)
{
    if (a.tensors.size() != b.tensors.size())
        return false;
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
        if (a.tensors[i].name != b.tensors[i].name || a.tensors[i].data != b.tensors[i].data)
            return false;
    }
    return true;
}

} // namespace

void TestSequence::initTestCase()
{
    auto key = SigningKey::loadOrCreate(m_dir.filePath(QStringLiteral("key")).toStdString());
    QVERIFY(key);
    m_key.emplace(std::move(*key));
    const auto recipe = syntheticRecipe("tiny");
    QVERIFY(recipe);
    m_shop.emplace(*recipe, 1);
    m_all = m_shop->generate(1);
    m_split = splitByTime(m_all);
    m_test = testPart(m_all, m_split);
}

TrainOrder TestSequence::order(const std::vector<std::string> &set) const
{
    TrainOrder order;
    // Fixed, so that other defaults do not change what is tested.
    std::vector<std::string> all{"batch=1024", "piece=1024", "learning-rate=0.001", "start=random"};
    all.insert(all.end(), set.begin(), set.end());
    for (const auto &setting : all) {
        if (!setSetting(order.recipe, setting))
            qFatal("bad setting %s", setting.c_str());
    }
    order.threads = 2;
    return order;
}

TrainedModel TestSequence::quick(const std::vector<std::string> &set)
{
    auto all = set;
    all.insert(all.end(), {"factors=16", "blocks=1", "negatives=200"});
    QuietMonitor monitor;
    auto model = trainSequence(m_split.train, kNoValid, order(all), monitor);
    if (!model)
        qFatal("%s", model.error().text().c_str());
    return std::move(*model);
}

Package TestSequence::packaged(const TrainedModel &model)
{
    const std::filesystem::path folder = m_dir.filePath(QString::number(m_next++)).toStdString();
    auto manifest = model.manifest;
    manifest.version = "1";
    std::vector<TensorSource> tensors;
    for (const auto &tensor : model.tensors)
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
    std::string ids;
    for (const auto &id : m_all.itemIds)
        ids += id + "\n";
    const auto written = writePackage(folder, manifest, tensors, *m_key,
                                      {{"items.txt", Bytes(ids.begin(), ids.end())}});
    if (!written)
        qFatal("%s", written.error().text().c_str());
    PackagePolicy policy;
    policy.trusted = m_key->publicKey();
    auto package = readPackage(folder, policy);
    if (!package)
        qFatal("%s", package.error().text().c_str());
    return std::move(*package);
}

double TestSequence::quality(const Package &package) const
{
    const auto scorer = openFullScorer(package);
    if (!scorer)
        qFatal("%s", scorer.error().text().c_str());
    const auto result = evaluate(**scorer, m_split.train, m_test, systemClock());
    return result ? result->metrics.at("ndcg@10") : 0;
}

void TestSequence::everyEventIsATargetOnce()
{
    SequenceOptions options;
    options.length = 7;
    const auto windows = trainingWindows(m_split.train, {}, options);
    std::vector<int> targets(m_split.train.events.size(), 0);
    for (const auto &window : windows) {
        QVERIFY(window.length >= 1 && window.length <= 7);
        for (std::uint64_t i = 1; i <= window.length; ++i)
            ++targets[window.begin + i];
    }
    for (std::size_t s = 0; s < m_split.train.shoppers(); ++s) {
        for (auto e = m_split.train.offsets[s]; e < m_split.train.offsets[s + 1]; ++e)
            QCOMPARE(targets[e], e == m_split.train.offsets[s] ? 0 : 1);
    }
}

void TestSequence::piecesKeepTheirSize()
{
    SequenceOptions options;
    options.length = 20;
    options.batch = 512;
    options.piece = 128;
    const auto windows = trainingWindows(m_split.train, {}, options);
    const auto steps = epochSteps(windows, options, 3);
    std::size_t events = 0, padded = 0;
    std::set<std::uint64_t> numbers, begins;
    for (const auto &step : steps) {
        for (const auto &piece : step) {
            QVERIFY(piece.padded() <= 128);
            QVERIFY(numbers.insert(piece.number).second);
            events += piece.events;
            padded += piece.padded();
            for (const auto &window : piece.windows)
                QVERIFY(begins.insert(window.begin).second);
        }
    }
    QCOMPARE(begins.size(), windows.size());
    QVERIFY2(static_cast<double>(padded) < 1.1 * static_cast<double>(events),
             "lengths are not bucketed");
    const auto again = epochSteps(windows, options, 3), other = epochSteps(windows, options, 4);
    QCOMPARE(again[0][0].windows[0].begin, steps[0][0].windows[0].begin);
    QVERIFY(other[0][0].windows[0].begin != steps[0][0].windows[0].begin
            || other[0][0].windows.back().begin != steps[0][0].windows.back().begin);
}

void TestSequence::negativesAreDifferentItems()
{
    Random random(1, 2);
    std::vector<int> seen(50, 0);
    for (int round = 0; round < 2000; ++round) {
        const auto drawn = drawNegatives(50, 10, random);
        QCOMPARE(std::set<std::int64_t>(drawn.begin(), drawn.end()).size(), std::size_t{10});
        for (const auto item : drawn)
            ++seen[static_cast<std::size_t>(item)];
    }
    // 400 expected, standard deviation 18.
    QVERIFY(*std::min_element(seen.begin(), seen.end()) > 320);
    QVERIFY(*std::max_element(seen.begin(), seen.end()) < 480);
    QCOMPARE(drawNegatives(5, 10, random).size(), std::size_t{5});
}

void TestSequence::learnsAndStaysBelowTheOracle()
{
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid,
                                     order({"factors=32", "epochs=40", "patience=5"}), monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    m_package = packaged(*model);
    const auto ndcg = quality(*m_package);
    auto rows = m_split.test;
    const auto oracle = oracleQuality(*m_shop, m_all, rows, 1);
    const auto popular = popularityQuality(popularityOrder(m_split.train), m_all, rows, &*m_shop);
    qInfo("tiny: popularity %.4f, sequence %.4f (best epoch %.0f), oracle %.4f +- %.4f",
          popular.ndcg, ndcg, model->manifest.settings.at("best epoch"), oracle.ndcg,
          oracle.ndcgError);
    QVERIFY(ndcg > 1.3 * popular.ndcg);
    QVERIFY(ndcg < oracle.ndcg + 2 * oracle.ndcgError);
    QVERIFY(monitor.metrics.contains("validation ndcg@10"));
    const auto &loss = monitor.metrics.at("train loss");
    QVERIFY(loss.back().second < loss.front().second);
}

void TestSequence::scorerRanksLikeTheTraining()
{
    // The package scores with our own loops what LibTorch trained: the same validation to the rank.
    Dataset train = m_split.train, valid = m_split.train;
    train.events.clear();
    valid.events.clear();
    train.offsets = valid.offsets = {0};
    for (std::size_t s = 0; s < m_split.train.shoppers(); ++s) {
        const auto events = m_split.train.of(s);
        const auto kept = events.size() >= 3 ? events.size() - 1 : events.size();
        train.events.insert(train.events.end(), events.begin(),
                            events.begin() + static_cast<std::ptrdiff_t>(kept));
        valid.events.insert(valid.events.end(), events.begin() + static_cast<std::ptrdiff_t>(kept),
                            events.end());
        train.offsets.push_back(train.events.size());
        valid.offsets.push_back(valid.events.size());
    }
    const auto scorer = openFullScorer(*m_package);
    QVERIFY(scorer);
    const auto judged = evaluate(**scorer, train, valid, systemClock());
    QVERIFY(judged);
    const auto told = m_package->manifest.metrics.at("validation ndcg@10");
    QVERIFY(std::abs(judged->metrics.at("ndcg@10") - told) < 2e-3);
    QVERIFY(told > 0);
}

void TestSequence::batchAndSingleHaveTheSameBits()
{
    const auto scorer = openFullScorer(*m_package);
    QVERIFY(scorer);
    const auto stride = (*scorer)->stride();
    std::vector<std::vector<std::int64_t>> histories;
    for (std::size_t s = 0; s < 23; ++s) {
        const auto events = m_all.of(s);
        histories.emplace_back(events.begin(), events.end());
    }
    histories.push_back({});
    std::vector<float> batch(histories.size() * stride), one(stride);
    QVERIFY((*scorer)->scoreAll(histories, batch));
    for (std::size_t h = 0; h < histories.size(); ++h) {
        QVERIFY((*scorer)->scoreAll(std::span(histories).subspan(h, 1), one));
        QVERIFY(std::memcmp(one.data(), batch.data() + h * stride, stride * sizeof(float)) == 0);
    }
}

void TestSequence::laterItemsMatter()
{
    const auto scorer = openFullScorer(*m_package);
    QVERIFY(scorer);
    std::vector<float> a((*scorer)->stride()), b(a.size());
    const std::vector<std::vector<std::int64_t>> forth{{1, 2, 3, 4}}, back{{4, 3, 2, 1}};
    QVERIFY((*scorer)->scoreAll(forth, a));
    QVERIFY((*scorer)->scoreAll(back, b));
    QVERIFY(a != b);
    // Numbers that no item has are ignored, not counted as a step.
    const std::vector<std::vector<std::int64_t>> dirty{{-1, 1, 2, 1 << 30, 3, 4}};
    QVERIFY((*scorer)->scoreAll(dirty, b));
    QVERIFY(a == b);
}

void TestSequence::coldHistoryGetsPopularity()
{
    const auto scorer = openFullScorer(*m_package);
    QVERIFY(scorer);
    const std::vector<std::vector<std::int64_t>> cold{{}};
    const auto lists = (*scorer)->score(cold, 5);
    QVERIFY(lists);
    const auto popular = popularityOrder(m_split.train);
    for (std::size_t i = 0; i < 5; ++i)
        QCOMPARE((*lists)[0].items[i], static_cast<std::int64_t>(popular[i]));
}

void TestSequence::resumedTrainingGivesTheSameBytes()
{
    const std::vector<std::string> set{"factors=16", "blocks=1",  "epochs=3",
                                       "batch=512",  "piece=256", "negatives=100"};
    QuietMonitor straight;
    const auto whole = trainSequence(m_split.train, kNoValid, order(set), straight);
    QVERIFY(whole);
    QuietMonitor stopped;
    stopped.keepsCheckpoints = true;
    int calls = 0;
    stopped.onProgress = [&](QuietMonitor &monitor) {
        if (++calls == 25) // within the second epoch
            monitor.stopper.request_stop();
    };
    const auto half = trainSequence(m_split.train, kNoValid, order(set), stopped);
    QVERIFY(!half);
    QCOMPARE(half.error().code, ErrorCode::Halted);
    QVERIFY(stopped.saved);
    QuietMonitor resumed;
    resumed.saved = stopped.saved;
    const auto rest = trainSequence(m_split.train, kNoValid, order(set), resumed);
    QVERIFY2(rest, rest ? "" : rest.error().text().c_str());
    QVERIFY(sameTensors(*whole, *rest));
    QCOMPARE(rest->manifest.metrics, whole->manifest.metrics);
    // Another seed is another model, so the comparison can fail.
    auto other = order(set);
    other.seed = 2;
    QuietMonitor monitor;
    const auto different = trainSequence(m_split.train, kNoValid, other, monitor);
    QVERIFY(different && !sameTensors(*whole, *different));
}

void TestSequence::stoppedTrainingKeepsACheckpoint()
{
    QuietMonitor monitor;
    monitor.onProgress = [](QuietMonitor &of) { of.stopper.request_stop(); };
    const auto model = trainSequence(m_split.train, kNoValid, order({"factors=16"}), monitor);
    QVERIFY(!model);
    QCOMPARE(monitor.checkpoints, 1);
}

void TestSequence::foreignCheckpointIsRefused()
{
    QuietMonitor monitor;
    monitor.onProgress = [](QuietMonitor &of) { of.stopper.request_stop(); };
    QVERIFY(!trainSequence(m_split.train, kNoValid, order({"factors=16"}), monitor));
    QuietMonitor other;
    other.saved = monitor.saved;
    const auto model = trainSequence(m_split.train, kNoValid, order({"factors=24"}), other);
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::InvalidInput);
    other.saved->resize(10);
    QVERIFY(!trainSequence(m_split.train, kNoValid, order({"factors=16"}), other));
}

void TestSequence::divergenceIsAnError()
{
    // Weights near the end of the floats overflow in the first product: no learning rate helps.
    auto model = quick({"epochs=1"});
    for (auto &tensor : model.tensors) {
        if (tensor.name != "block0.attention.weight")
            continue;
        const float huge = std::numeric_limits<float>::max();
        for (std::size_t at = 0; at < tensor.data.size(); at += sizeof(huge))
            std::memcpy(tensor.data.data() + at, &huge, sizeof(huge));
    }
    auto from = order({});
    from.initial = packaged(model);
    QuietMonitor monitor;
    const auto result = trainSequence(m_split.train, kNoValid, from, monitor);
    QVERIFY(!result);
    QVERIFY(result.error().message.find("diverges") != std::string::npos);
    QVERIFY(!monitor.notes.empty());
}

void TestSequence::nanIsRolledBack()
{
    const auto set = order({"factors=16", "blocks=1", "epochs=2", "negatives=100", "batch=512"});
    int spoilt = 0;
    const auto once = [&](std::int64_t step, double &loss) {
        if (step == 12 && spoilt++ == 0)
            loss = std::numeric_limits<double>::quiet_NaN();
    };
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid, set, monitor, once);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    QCOMPARE(spoilt, 2); // met again after the roll-back, and then it passed
    QCOMPARE(monitor.notes.size(), std::size_t{1});
    QVERIFY(monitor.notes[0].starts_with("NaN or infinity at step 12: rolled back to step "));
    const auto reached = model->manifest.metrics.at("validation ndcg@10");
    // Nothing spoilt: nothing to say, and other weights.
    QuietMonitor quiet;
    const auto clean = trainSequence(m_split.train, kNoValid, set, quiet);
    QVERIFY(clean && quiet.notes.empty());
    QVERIFY(!sameTensors(*clean, *model));
    QVERIFY(reached > 0.5 * clean->manifest.metrics.at("validation ndcg@10"));
}

void TestSequence::bytesScoreLikeFloats()
{
    const auto small = quantisedSequence(*m_package);
    QVERIFY2(small, small ? "" : small.error().text().c_str());
    const auto package = packaged(*small);
    QVERIFY(package.weights.size() * 2 < m_package->weights.size());
    const auto whole = quality(*m_package), rounded = quality(package);
    qInfo("tiny: floats %.4f, bytes %.4f", whole, rounded);
    QVERIFY(std::abs(whole - rounded) < 0.1 * whole);
    QVERIFY(!quantisedSequence(package)); // once is enough
}

void TestSequence::int8ProductIsExact()
{
    Random random(7, 8);
    constexpr std::size_t items = 37, factors = 19, shoppers = 3;
    std::vector<float> rows(items * factors), who(shoppers * factors);
    for (auto *values : {&rows, &who}) {
        for (auto &value : *values)
            value = static_cast<float>(random.normal());
    }
    const auto rounded = quantised(rows, factors);
    const Int8Panels panels(rounded.bytes, rounded.scales, items, factors);
    std::vector<float> out(shoppers * panels.stride());
    panels.product(who, out);
    const auto asked = quantised(who, factors);
    for (std::size_t s = 0; s < shoppers; ++s) {
        for (std::size_t i = 0; i < items; ++i) {
            int sum = 0;
            for (std::size_t k = 0; k < factors; ++k)
                sum += asked.bytes[s * factors + k] * rounded.bytes[i * factors + k];
            QCOMPARE(out[s * panels.stride() + i],
                     static_cast<float>(sum) * (asked.scales[s] * rounded.scales[i]));
        }
    }
}

void TestSequence::fineTuningGoesOnFromThePackage()
{
    auto from = order({"epochs=1", "learning-rate=1e-7"});
    from.initial = m_package;
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid, from, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto before = quality(*m_package), after = quality(packaged(*model));
    QVERIFY(std::abs(before - after) < 0.02 * before);
    // Items that the package does not know are added.
    auto wider = m_split.train;
    wider.items += 3;
    wider.itemIds.push_back("new a");
    wider.itemIds.push_back("new b");
    wider.itemIds.push_back("new c");
    wider.itemTitles.resize(wider.items);
    QuietMonitor other;
    const auto extended = trainSequence(wider, kNoValid, from, other);
    QVERIFY2(extended, extended ? "" : extended.error().text().c_str());
    QCOMPARE(extended->tensors.front().shape[0], static_cast<std::int64_t>(wider.items));
    QVERIFY(other.notes.at(0).starts_with("3 items are new"));
    // An odd number of items, as bytes: every tensor still stands where its numbers may.
    const auto small = quantisedSequence(packaged(*extended));
    QVERIFY(small);
    QCOMPARE(packaged(*small).find("items")->dtype, std::string("I8"));
    // Sizes are the package's.
    auto wrong = order({"factors=48"});
    wrong.initial = m_package;
    QVERIFY(!trainSequence(m_split.train, kNoValid, wrong, monitor));
}

void TestSequence::maskedPretrainingServesAndStarts()
{
    const auto pretrained = packaged(quick(with(kSmallSteps, {"task=masked", "epochs=20"})));
    const auto popular =
        popularityQuality(popularityOrder(m_split.train), m_all, m_split.test, nullptr);
    const auto ndcg = quality(pretrained);
    qInfo("tiny: masked %.4f, popularity %.4f", ndcg, popular.ndcg);
    QVERIFY(ndcg > 0.5 * popular.ndcg);
    auto from = order(with(kSmallSteps, {"epochs=8"}));
    from.initial = pretrained;
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid, from, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    QCOMPARE(model->manifest.settings.at("masked"), 0.0);
    QVERIFY(quality(packaged(*model)) > popular.ndcg);
}

void TestSequence::distilledStudentIsSmaller()
{
    auto from = order(
        with(kSmallSteps, {"factors=16", "blocks=1", "distil=0.7", "temperature=2", "epochs=8"}));
    from.initial = m_package;
    QuietMonitor monitor;
    const auto student = trainSequence(m_split.train, kNoValid, from, monitor);
    QVERIFY2(student, student ? "" : student.error().text().c_str());
    QCOMPARE(student->manifest.settings.at("factors"), 16.0);
    const auto taught = quality(packaged(*student)), teacher = quality(*m_package);
    const auto alone = quality(packaged(quick(with(kSmallSteps, {"epochs=8"}))));
    qInfo("tiny: teacher %.4f, student %.4f, alone %.4f", teacher, taught, alone);
    QVERIFY(taught > 0.5 * teacher);
    QuietMonitor other;
    QVERIFY(!trainSequence(m_split.train, kNoValid, order({"distil=0.5"}), other)); // no teacher
}

void TestSequence::gbceLearns()
{
    const auto popular =
        popularityQuality(popularityOrder(m_split.train), m_all, m_split.test, nullptr);
    const auto ndcg = quality(packaged(quick(with(kSmallSteps, {"loss=gbce", "epochs=15"}))));
    qInfo("tiny: gbce %.4f, popularity %.4f", ndcg, popular.ndcg);
    QVERIFY(ndcg > popular.ndcg);
}

void TestSequence::spectrumIsABetterStart()
{
    // After the same few steps; and what is held out for validation is not in the start.
    const auto random = quality(packaged(quick(with(kSmallSteps, {"epochs=3"}))));
    const auto informed =
        quality(packaged(quick(with(kSmallSteps, {"epochs=3", "start=spectrum"}))));
    qInfo("tiny, 3 epochs: random start %.4f, spectrum %.4f", random, informed);
    QVERIFY(informed > 1.5 * random);
    // So little data begins there unasked, and then the order of events is worth something.
    TrainOrder unasked;
    unasked.threads = 2;
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid, unasked, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto ndcg = quality(packaged(*model));
    qInfo("tiny, defaults: %.4f (best epoch %.0f)", ndcg,
          model->manifest.settings.at("best epoch"));
    QVERIFY(ndcg > informed * 0.9);
}

void TestSequence::attributesAreRead()
{
    const std::filesystem::path file = m_dir.filePath(QStringLiteral("a.json")).toStdString();
    const std::vector<std::string> ids{"7", "8", "9"};
    QVERIFY(writeTextAtomically(file, R"({"8": [1, "red", 1], "7": ["red"], "44": [5]})"));
    const auto read = readItemAttributes(file, ids);
    QVERIFY2(read, read ? "" : read.error().text().c_str());
    QCOMPARE(read->count, 2u);
    QCOMPARE(read->of[1].size(), std::size_t{2});
    QCOMPARE(read->of[0].size(), std::size_t{1});
    QVERIFY(read->of[2].empty());
    QCOMPARE(read->unknownItems, std::uint64_t{1});
    QCOMPARE(read->bareItems, std::uint64_t{1});
    for (const auto *broken : {R"({"8": 1})", R"({"8": [1.5]})", R"([1])", R"({"8": [1)"}) {
        QVERIFY(writeTextAtomically(file, broken));
        const auto result = readItemAttributes(file, ids);
        QVERIFY2(!result, broken);
        QVERIFY(result.error().text().find("a.json") != std::string::npos);
    }
}

void TestSequence::attributesBecomePartOfTheItems()
{
    std::string json = "{";
    for (std::uint32_t i = 0; i < m_all.items; ++i)
        json += (i > 0 ? "," : "") + ("\"" + m_all.itemIds[i] + "\": [")
                + std::to_string(m_shop->category(i)) + "]";
    const std::filesystem::path file = m_dir.filePath(QStringLiteral("c.json")).toStdString();
    QVERIFY(writeTextAtomically(file, json + "}"));
    auto with = order({"factors=16", "blocks=1", "negatives=200", "epochs=15"});
    with.products = file;
    QuietMonitor monitor;
    const auto model = trainSequence(m_split.train, kNoValid, with, monitor);
    QVERIFY2(model, model ? "" : model.error().text().c_str());
    const auto package = packaged(*model);
    QVERIFY(package.find("attributes") == nullptr);
    const auto ndcg = quality(package), without = quality(packaged(quick({"epochs=15"})));
    qInfo("tiny: with attributes %.4f, without %.4f", ndcg, without);
    QVERIFY(ndcg > 0.8 * without);
    QVERIFY(ndcg != without);
}

void TestSequence::badInputIsRefused_data()
{
    QTest::addColumn<QString>("setting");
    QTest::addColumn<QString>("says");
    QTest::newRow("unknown") << QStringLiteral("facters=3") << QStringLiteral("factors");
    QTest::newRow("no number") << QStringLiteral("dropout=much") << QStringLiteral("dropout");
    QTest::newRow("too large") << QStringLiteral("dropout=1") << QStringLiteral("dropout");
    QTest::newRow("heads") << QStringLiteral("heads=7") << QStringLiteral("multiple of heads");
    QTest::newRow("task") << QStringLiteral("task=guess") << QStringLiteral("task");
}

void TestSequence::badInputIsRefused()
{
    QFETCH(QString, setting);
    QFETCH(QString, says);
    QuietMonitor monitor;
    const auto model =
        trainSequence(m_split.train, kNoValid, order({setting.toStdString()}), monitor);
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::InvalidInput);
    QVERIFY2(QString::fromStdString(model.error().text()).contains(says),
             model.error().text().c_str());
    // One event each is nothing to learn a sequence from.
    Dataset single = m_split.train;
    single.events.clear();
    single.offsets = {0};
    for (std::uint32_t s = 0; s < single.shoppers() + 1 && s < 5; ++s) {
        single.events.push_back(s);
        single.offsets.push_back(single.events.size());
    }
    QVERIFY(!trainSequence(single, kNoValid, order({}), monitor));
}

QTEST_GUILESS_MAIN(TestSequence)
#include "tst_sequence.moc"
