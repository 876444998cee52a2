#pragma once
// Which model packages a shop has, which one serves, and below which version nothing may be served
// again: registry.json in the shop's folder. Every change takes a file lock, reads the file again,
// and replaces it in one step, so several processes may change it. A value of what was read; one
// thread. Rules: contracts 4.4 and 5.6.

#include "engine/model/package.h"

namespace engine {

struct RegistryEntry
{
    std::string version, digest, family;
    bool gatePassed = false; ///< its evaluation met the gate; only such a one becomes the reference
    bool revoked = false;
    std::map<std::string, double> metrics;
    bool served = false; ///< has been promoted once
};

class Registry
{
public:
    /// An empty registry when the shop has none yet.
    [[nodiscard]] static Result<Registry> open(const std::filesystem::path &shopFolder);

    [[nodiscard]] const std::vector<RegistryEntry> &versions() const { return m_versions; }
    [[nodiscard]] const RegistryEntry *find(std::string_view version) const;
    /// NotFound; Untrusted below the floor.
    [[nodiscard]] Result<const RegistryEntry *> servable(const std::string &version) const;
    [[nodiscard]] const std::string &serving() const { return m_serving; }   ///< "" = none
    [[nodiscard]] const std::string &previous() const { return m_previous; } ///< "" = none
    /// The last promoted version that passed its gate: what paired quality is measured against.
    [[nodiscard]] const std::string &reference() const { return m_reference; }
    [[nodiscard]] int floor() const { return m_floor; }
    /// One above the highest version there ever was.
    [[nodiscard]] std::string nextVersion() const;
    [[nodiscard]] std::filesystem::path packageFolder(std::string_view version) const;

    /// A version that is new and at or above the floor.
    [[nodiscard]] Result<> add(const RegistryEntry &entry);
    /// Makes it the serving one; the one that served becomes `previous`, unless it never passed its
    /// gate while one that did is there to go back to.
    [[nodiscard]] Result<> promote(const std::string &version);
    /// Puts `serving` and `previous` back if `promoted` still serves; what was promoted since
    /// stays. True when it did. `hadServed`: `promoted` had before.
    [[nodiscard]] Result<bool> undoPromotion(const std::string &promoted,
                                             const std::string &serving,
                                             const std::string &previous, bool hadServed);
    /// Back to `previous`, or to the named version at or above the floor.
    [[nodiscard]] Result<> rollback(const std::string &version = {});
    /// Raises the floor above this version for good. Refused while it or an older one serves.
    [[nodiscard]] Result<> revoke(const std::string &version);

private:
    explicit Registry(std::filesystem::path shopFolder) : m_folder(std::move(shopFolder)) {}
    [[nodiscard]] Result<> read();
    [[nodiscard]] Result<> write() const;
    template <class Change>
    [[nodiscard]] Result<> change(Change change);
    void serve(const RegistryEntry &entry);
    [[nodiscard]] std::filesystem::path file() const { return m_folder / "registry.json"; }

    std::filesystem::path m_folder;
    std::vector<RegistryEntry> m_versions;
    std::string m_serving, m_previous, m_reference;
    int m_floor = 0;
};

} // namespace engine
