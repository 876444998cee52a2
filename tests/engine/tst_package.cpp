// A model package is loaded whole and as signed, or not at all; the registry remembers what serves.

#include "engine/base/digest.h"
#include "engine/base/files.h"
#include "engine/data/split.h"
#include "engine/model/manifest_json.h"
#include "engine/model/package.h"
#include "engine/model/popularity.h"
#include "engine/model/registry.h"
#include "engine/model/safetensors.h"

#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>

using namespace engine;
namespace fs = std::filesystem;

class TestPackage : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void roundTripKeepsEveryBit();
    void dataLiesOnMultiplesOf64();
    void everyFlippedByteIsRefused();
    void everyTruncationIsRefused();
    void anotherKeyIsRefused();
    void noTrustedKeyTrustsNobody();
    void versionBelowTheFloorIsRefused();
    void wrongSchemaIsRefused();
    void swappedFileIsRefused();
    void unlistedFileIsRefused();
    void oddFilesAreRefused_data();
    void oddFilesAreRefused();
    void hugeFileIsRefusedUnread();
    void signedButBrokenWeightsAreRefused_data();
    void signedButBrokenWeightsAreRefused();
    void signedButBrokenManifestsAreRefused_data();
    void signedButBrokenManifestsAreRefused();
    void unsafeSaysWhatItSkipped();
    void aPackageIsNeverOverwritten();
    void popularityCountsEvents();
    void schemaDependsOnIdsAndOrder();
    void registryPromotesAndRollsBack();
    void registryFloorOnlyRises();
    void damagedRegistryIsRefused();

private:
    [[nodiscard]] fs::path packageFolder() const { return m_root / "package"; }
    [[nodiscard]] PackagePolicy policy() const { return {m_key->publicKey(), "feed", 3, false}; }
    void writeSigned(const std::string &manifest, const Bytes &weights);
    std::unique_ptr<QTemporaryDir> m_dir;
    fs::path m_root;
    std::optional<SigningKey> m_key;
    std::vector<float> m_items;
};

namespace {

constexpr std::int64_t kRows = 6, kFactors = 4;

Manifest sampleManifest()
{
    Manifest manifest;
    manifest.family = "mf";
    manifest.version = "3";
    manifest.featureSchema = "feed";
    manifest.settings = {{"alpha0", 0.1}, {"lambda", 0.01}};
    manifest.metrics = {{"ndcg@10", 0.25}};
    manifest.seed = 7;
    return manifest;
}

std::span<const std::uint8_t> bytesOf(std::string_view text)
{
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

void overwrite(const fs::path &file, std::span<const std::uint8_t> data)
{
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char *>(data.data()),
              static_cast<std::streamsize>(data.size()));
}

Bytes slurp(const fs::path &file)
{
    return readFile(file, 1 << 24).value();
}

/// A safetensors file with any header, right or wrong.
Bytes withHeader(std::uint64_t claimed, const std::string &header, std::size_t dataBytes)
{
    Writer writer;
    writer(claimed);
    writer.raw(bytesOf(header));
    writer.raw(Bytes(dataBytes, 0));
    return writer.take();
}

Bytes withHeader(const std::string &header, std::size_t dataBytes)
{
    auto padded = header;
    padded.resize((header.size() + 7) / 8 * 8, ' ');
    return withHeader(padded.size(), padded, dataBytes);
}

} // namespace

void TestPackage::init()
{
    m_dir = std::make_unique<QTemporaryDir>();
    QVERIFY(m_dir->isValid());
    m_root = m_dir->path().toStdString();
    auto key = SigningKey::loadOrCreate(m_root / "keys" / "signing.key");
    QVERIFY(key);
    m_key = *key;
    m_items.resize(kRows * kFactors);
    std::iota(m_items.begin(), m_items.end(), 0.5f);
    const TensorSource tensor{
        "items",
        "F32",
        {kRows, kFactors},
        {reinterpret_cast<const std::uint8_t *>(m_items.data()), m_items.size() * 4}};
    const auto digest = writePackage(packageFolder(), sampleManifest(), {&tensor, 1}, *m_key);
    QVERIFY2(digest, digest ? "" : digest.error().text().c_str());
}

void TestPackage::writeSigned(const std::string &manifest, const Bytes &weights)
{
    Bytes signature(m_key->publicKey().begin(), m_key->publicKey().end());
    const auto sign = m_key->sign(bytesOf(manifest));
    signature.insert(signature.end(), sign.begin(), sign.end());
    overwrite(packageFolder() / "manifest.json", bytesOf(manifest));
    overwrite(packageFolder() / "manifest.sig", signature);
    overwrite(packageFolder() / "weights.safetensors", weights);
}

void TestPackage::roundTripKeepsEveryBit()
{
    const auto package = readPackage(packageFolder(), policy());
    QVERIFY2(package, package ? "" : package.error().text().c_str());
    QCOMPARE(package->manifest.family, std::string("mf"));
    QCOMPARE(package->manifest.settings.at("alpha0"), 0.1);
    QCOMPARE(package->manifest.seed, std::uint64_t{7});
    QCOMPARE(package->digest, hex(sha256(slurp(packageFolder() / "manifest.json"))));
    const auto *items = package->find("items");
    QVERIFY(items != nullptr);
    QCOMPARE(items->shape, (std::vector<std::int64_t>{kRows, kFactors}));
    QCOMPARE(std::memcmp(package->weights.data() + items->offset, m_items.data(), items->bytes), 0);
    QVERIFY(package->skippedChecks.empty());
    QVERIFY(package->find("other") == nullptr);
}

void TestPackage::dataLiesOnMultiplesOf64()
{
    const auto package = readPackage(packageFolder(), policy());
    QVERIFY(package);
    QCOMPARE(package->find("items")->offset % 64, std::size_t{0});
}

void TestPackage::everyFlippedByteIsRefused()
{
    int tried = 0;
    for (const char *name : {"manifest.json", "manifest.sig", "weights.safetensors"}) {
        const auto file = packageFolder() / name;
        const auto good = slurp(file);
        for (std::size_t i = 0; i < good.size(); ++i) {
            for (const std::uint8_t mask : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
                auto bad = good;
                bad[i] = static_cast<std::uint8_t>(bad[i] ^ mask);
                overwrite(file, bad);
                const auto package = readPackage(packageFolder(), policy());
                QVERIFY2(!package, qPrintable(QStringLiteral("%1 byte %2 accepted")
                                                  .arg(QString::fromLatin1(name))
                                                  .arg(i)));
                QCOMPARE(package.error().code, ErrorCode::Untrusted);
                QVERIFY(package.error().place.find("manifest.sig") != std::string::npos
                        || package.error().place.find(name) != std::string::npos);
                ++tried;
            }
        }
        overwrite(file, good);
    }
    QVERIFY(tried > 1000);
    QVERIFY(readPackage(packageFolder(), policy()));
}

void TestPackage::everyTruncationIsRefused()
{
    for (const char *name : {"manifest.json", "manifest.sig", "weights.safetensors"}) {
        const auto file = packageFolder() / name;
        const auto good = slurp(file);
        for (std::size_t size = 0; size < good.size(); ++size) {
            overwrite(file, std::span(good).first(size));
            QVERIFY(!readPackage(packageFolder(), policy()));
        }
        auto longer = good;
        longer.push_back(0);
        overwrite(file, longer);
        QVERIFY(!readPackage(packageFolder(), policy()));
        fs::remove(file);
        QVERIFY(!readPackage(packageFolder(), policy()));
        overwrite(file, good);
    }
    QVERIFY(readPackage(packageFolder(), policy()));
}

void TestPackage::anotherKeyIsRefused()
{
    const auto other = SigningKey::loadOrCreate(m_root / "other" / "signing.key");
    QVERIFY(other);
    auto wrong = policy();
    wrong.trusted = other->publicKey();
    const auto package = readPackage(packageFolder(), wrong);
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::Untrusted);
    // The stranger's own signature over the same manifest does not help either.
    const auto manifest = slurp(packageFolder() / "manifest.json");
    Bytes signature(m_key->publicKey().begin(), m_key->publicKey().end());
    const auto sign = other->sign(manifest);
    signature.insert(signature.end(), sign.begin(), sign.end());
    overwrite(packageFolder() / "manifest.sig", signature);
    QVERIFY(!readPackage(packageFolder(), policy()));
}

void TestPackage::noTrustedKeyTrustsNobody()
{
    const auto package = readPackage(packageFolder(), {});
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::Untrusted);
}

void TestPackage::versionBelowTheFloorIsRefused()
{
    auto strict = policy();
    strict.versionFloor = 4;
    const auto package = readPackage(packageFolder(), strict);
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::Untrusted);
    QVERIFY(package.error().message.find("floor") != std::string::npos);
}

void TestPackage::wrongSchemaIsRefused()
{
    auto strict = policy();
    strict.featureSchema = "0123";
    const auto package = readPackage(packageFolder(), strict);
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::Untrusted);
}

void TestPackage::swappedFileIsRefused()
{
    auto items = m_items;
    items[3] += 1;
    const TensorSource tensor{
        "items",
        "F32",
        {kRows, kFactors},
        {reinterpret_cast<const std::uint8_t *>(items.data()), items.size() * 4}};
    QVERIFY(writePackage(m_root / "other", sampleManifest(), {&tensor, 1}, *m_key));
    fs::copy_file(m_root / "other" / "weights.safetensors", packageFolder() / "weights.safetensors",
                  fs::copy_options::overwrite_existing);
    const auto package = readPackage(packageFolder(), policy());
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::Untrusted);
    QVERIFY(package.error().place.find("weights.safetensors") != std::string::npos);
}

void TestPackage::unlistedFileIsRefused()
{
    overwrite(packageFolder() / "model.pt", bytesOf("PK\x03\x04"));
    const auto package = readPackage(packageFolder(), policy());
    QVERIFY(!package);
    QVERIFY(package.error().place.find("model.pt") != std::string::npos);
}

void TestPackage::oddFilesAreRefused_data()
{
    QTest::addColumn<QString>("name");
    for (const char *name : {"manifest.json", "manifest.sig", "weights.safetensors"})
        QTest::newRow(name) << QString::fromLatin1(name);
}

void TestPackage::oddFilesAreRefused()
{
    QFETCH(QString, name);
    const auto file = packageFolder() / name.toStdString();
    const auto aside = m_root / "aside";
    fs::rename(file, aside);
    fs::create_symlink(aside, file);
    QVERIFY(!readPackage(packageFolder(), policy()));
    fs::remove(file);
    QCOMPARE(::mkfifo(file.c_str(), 0600), 0);
    QVERIFY(!readPackage(packageFolder(), policy())); // and does not wait for a writer
    fs::remove(file);
    fs::create_directory(file);
    QVERIFY(!readPackage(packageFolder(), policy()));
    fs::remove(file);
    fs::create_symlink("/dev/zero", file);
    QVERIFY(!readPackage(packageFolder(), policy()));
    fs::remove(file);
    fs::rename(aside, file);
    QVERIFY(readPackage(packageFolder(), policy()));
}

static qint64 bytesReadByUs()
{
    std::ifstream io("/proc/self/io");
    std::string name;
    qint64 bytes = 0;
    io >> name >> bytes; // rchar: what read() gave us, from the cache or not
    return bytes;
}

void TestPackage::hugeFileIsRefusedUnread()
{
    // Sparse: costs no disk. Reading it would take 3 GB.
    for (const char *name : {"manifest.json", "manifest.sig", "weights.safetensors"}) {
        const auto file = packageFolder() / name;
        const auto good = slurp(file);
        QCOMPARE(::truncate(file.c_str(), 3ll << 30), 0);
        const auto before = bytesReadByUs();
        const auto package = readPackage(packageFolder(), policy());
        QVERIFY(!package);
        QVERIFY(bytesReadByUs() - before < 8 << 20);
        auto loose = policy();
        loose.unsafe = true;
        QVERIFY(!readPackage(packageFolder(), loose) || std::string(name) == "manifest.sig");
        overwrite(file, good);
    }
}

void TestPackage::signedButBrokenWeightsAreRefused_data()
{
    QTest::addColumn<QByteArray>("weights");
    QTest::addColumn<QString>("says");
    const auto row = [](const char *name, const Bytes &bytes, const char *says) {
        QTest::newRow(name) << QByteArray(reinterpret_cast<const char *>(bytes.data()),
                                          static_cast<qsizetype>(bytes.size()))
                            << QString::fromLatin1(says);
    };
    const auto one = [](const char *dtype, const char *shape, const char *offsets) {
        return "{\"a\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + shape
               + ",\"data_offsets\":" + offsets + "}}";
    };
    row("empty", {}, "ends inside");
    row("short", Bytes(7, 0), "ends inside");
    row("header 2^63", withHeader(std::uint64_t{1} << 63, "{}", 0), "header claims");
    row("header 2^64-1", withHeader(~std::uint64_t{0}, "{}", 0), "header claims");
    row("header beyond the end", withHeader(1000, "{}", 0), "ends inside its header");
    row("not JSON", withHeader("{]", 0), "JSON is broken");
    row("a list", withHeader("[1,2]", 0), "not a JSON object");
    row("deep", withHeader("{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}", 0),
        "nested deeper");
    row("twice the same name",
        withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                   "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                   4),
        "occurs twice");
    row("overlap",
        withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}  ",
                   12),
        "overlaps");
    row("hole",
        withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}  ",
                   12),
        "hole");
    row("tail", withHeader(one("F32", "[1]", "[0,4]") + "   ", 8), "follow the last tensor");
    row("dtype", withHeader(one("F16", "[2]", "[0,4]"), 4), "F32, I64");
    row("shape and size differ", withHeader(one("F32", "[3]", "[0,4]"), 4), "not its shape");
    row("negative shape", withHeader(one("F32", "[-1]", "[0,4]"), 4), "whole numbers");
    row("fraction", withHeader(one("F32", "[1.5]", "[0,4]"), 4), "whole numbers");
    row("shape overflows", withHeader(one("F32", "[4294967296,4294967296,4294967296]", "[0,4]"), 4),
        "not its shape");
    row("offsets swapped", withHeader(one("F32", "[1]", "[4,0]"), 4), "lies at bytes");
    row("offsets beyond the end", withHeader(one("F32", "[2]", "[0,8]"), 4), "lies at bytes");
    row("extra member",
        withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4),
        "exactly");
    const std::string zip("PK\x03\x04\x00\x00\x08\x08\x00\x00", 10);
    row("TorchScript", Bytes(zip.begin(), zip.end()), "zip archive");
    const std::string pickle("\x80\x02\x8a\x0a"
                             "l\xfc\x9c"
                             "F\xf9 j\xa8P\x19.",
                             15);
    row("pickle", Bytes(pickle.begin(), pickle.end()), "pickle");
}

void TestPackage::signedButBrokenWeightsAreRefused()
{
    QFETCH(QByteArray, weights);
    QFETCH(QString, says);
    const Bytes bytes(weights.begin(), weights.end());
    writeSigned(manifestText(sampleManifest(),
                             {{"weights.safetensors", {bytes.size(), hex(sha256(bytes))}}}),
                bytes);
    const auto package = readPackage(packageFolder(), policy());
    QVERIFY(!package);
    QCOMPARE(package.error().code, ErrorCode::InvalidInput);
    QVERIFY2(QString::fromStdString(package.error().text()).contains(says),
             package.error().text().c_str());
    QVERIFY(package.error().place.find("weights.safetensors") != std::string::npos);
}

void TestPackage::signedButBrokenManifestsAreRefused_data()
{
    QTest::addColumn<QString>("find");
    QTest::addColumn<QString>("replace");
    const auto row = [](const char *name, const char *find, const char *replace) {
        QTest::newRow(name) << QString::fromLatin1(find) << QString::fromLatin1(replace);
    };
    row("other format", "\"format\": 1", "\"format\": 2");
    row("no format", "\"format\"", "\"from\"");
    row("version 0", "\"version\": \"3\"", "\"version\": \"0\"");
    row("version text", "\"version\": \"3\"", "\"version\": \"3a\"");
    row("version long", "\"version\": \"3\"", "\"version\": \"99999999999999999999\"");
    row("metric text", "\"ndcg@10\": 0.25", "\"ndcg@10\": \"x\"");
    row("seed negative", "\"seed\": 7", "\"seed\": -7");
    row("path outside", "weights.safetensors", "../weights.safetensors");
    row("absolute path", "weights.safetensors", "/etc/passwd");
    row("no weights", "weights.safetensors", "weights.bin");
    row("sha", "\"sha256\": \"", "\"sha256\": \"zz");
    row("huge size", "\"size\": ", "\"size\": 9");
}

void TestPackage::signedButBrokenManifestsAreRefused()
{
    QFETCH(QString, find);
    QFETCH(QString, replace);
    const auto weights = slurp(packageFolder() / "weights.safetensors");
    const auto good = slurp(packageFolder() / "manifest.json");
    auto text = QString::fromUtf8(reinterpret_cast<const char *>(good.data()),
                                  static_cast<qsizetype>(good.size()));
    QVERIFY(text.contains(find));
    text.replace(find, replace);
    writeSigned(text.toStdString(), weights);
    QVERIFY(!readPackage(packageFolder(), policy()));
}

void TestPackage::unsafeSaysWhatItSkipped()
{
    auto loose = policy();
    loose.unsafe = true;
    QVERIFY(readPackage(packageFolder(), loose)->skippedChecks.empty());
    auto weights = slurp(packageFolder() / "weights.safetensors");
    weights.back() ^= 1;
    overwrite(packageFolder() / "weights.safetensors", weights);
    loose.versionFloor = 9;
    const auto package = readPackage(packageFolder(), loose);
    QVERIFY(package);
    QCOMPARE(package->skippedChecks.size(), std::size_t{2});
}

void TestPackage::aPackageIsNeverOverwritten()
{
    const auto before = slurp(packageFolder() / "manifest.json");
    const TensorSource tensor{
        "items", "F32", {1}, {reinterpret_cast<const std::uint8_t *>(m_items.data()), 4}};
    QVERIFY(!writePackage(packageFolder(), sampleManifest(), {&tensor, 1}, *m_key));
    QCOMPARE(slurp(packageFolder() / "manifest.json"), before);
    // Nothing half-written is left beside it.
    QCOMPARE(std::distance(fs::directory_iterator(m_root), fs::directory_iterator()), 2);
}

void TestPackage::popularityCountsEvents()
{
    Dataset data;
    data.items = 4;
    data.offsets = {0, 3, 5, 6};
    data.events = {2, 2, 2, 1, 2, 1};
    QCOMPARE(popularityCounts(data), (std::vector<std::int64_t>{0, 2, 4, 0}));
    QCOMPARE(popularityOrder(data), (std::vector<std::uint32_t>{2, 1, 0, 3}));
}

void TestPackage::schemaDependsOnIdsAndOrder()
{
    const std::vector<std::string> a{"ab", "c"}, b{"a", "bc"}, c{"c", "ab"};
    QCOMPARE(featureSchema(a).size(), std::size_t{64});
    QCOMPARE(featureSchema(a), featureSchema(std::vector<std::string>{"ab", "c"}));
    QVERIFY(featureSchema(a) != featureSchema(b));
    QVERIFY(featureSchema(a) != featureSchema(c));
}

void TestPackage::registryPromotesAndRollsBack()
{
    auto registry = Registry::open(m_root);
    QVERIFY(registry);
    QCOMPARE(registry->nextVersion(), std::string("1"));
    QVERIFY(registry->add({"1", "d1", "popularity", true, false, {{"ndcg@10", 0.1}}}));
    QVERIFY(registry->add({"2", "d2", "mf", false, false, {}}));
    QVERIFY(!registry->add({"2", "d2", "mf", false, false, {}}));
    QVERIFY(!registry->promote("9"));
    QVERIFY(!registry->rollback());
    QVERIFY(registry->promote("1"));
    QVERIFY(registry->promote("2"));

    // Another process sees the same, and a version that failed its gate is not the reference.
    auto other = Registry::open(m_root);
    QVERIFY(other);
    QCOMPARE(other->serving(), std::string("2"));
    QCOMPARE(other->previous(), std::string("1"));
    QCOMPARE(other->reference(), std::string("1"));
    QCOMPARE(other->find("1")->metrics.at("ndcg@10"), 0.1);
    QCOMPARE(other->nextVersion(), std::string("3"));
    QVERIFY(other->rollback());
    QCOMPARE(other->serving(), std::string("1"));
    QCOMPARE(other->previous(), std::string()); // one that failed its gate is no way back

    // The first object is stale; its next change starts from what is on disk.
    QVERIFY(registry->add({"3", "d3", "mf", true, false, {}}));
    QCOMPARE(registry->serving(), std::string("1"));
}

void TestPackage::registryFloorOnlyRises()
{
    auto registry = Registry::open(m_root);
    QVERIFY(registry);
    for (const char *version : {"1", "2", "3"})
        QVERIFY(registry->add({version, "d", "mf", true, false, {}}));
    QVERIFY(registry->promote("2"));
    QVERIFY(!registry->revoke("2")); // it serves
    QVERIFY(registry->promote("3"));
    QVERIFY(registry->revoke("2"));
    QCOMPARE(registry->floor(), 3);
    QVERIFY(registry->find("1")->revoked);
    QVERIFY(!registry->find("3")->revoked);
    QCOMPARE(registry->previous(), std::string());
    const auto back = registry->rollback("1");
    QVERIFY(!back);
    QCOMPARE(back.error().code, ErrorCode::Untrusted);
    QVERIFY(registry->revoke("1"));
    QCOMPARE(registry->floor(), 3);
}

void TestPackage::damagedRegistryIsRefused()
{
    auto registry = Registry::open(m_root);
    QVERIFY(registry->add({"1", "d", "mf", true, false, {}}));
    QVERIFY(registry->promote("1"));
    const auto good = slurp(m_root / "registry.json");
    for (std::size_t size = 0; size + 2 < good.size(); ++size) {
        overwrite(m_root / "registry.json", std::span(good).first(size));
        QVERIFY(!Registry::open(m_root));
    }
    auto text = std::string(good.begin(), good.end());
    text.replace(text.find("\"serving\": \"1\""), 14, "\"serving\": \"7\"");
    overwrite(m_root / "registry.json", bytesOf(text));
    QVERIFY(!Registry::open(m_root));
}

QTEST_GUILESS_MAIN(TestPackage)
#include "tst_package.moc"
