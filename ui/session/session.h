#pragma once
// What the window knows of the world: the live timeline, the lists that Home shows, the state of
// the shop. Slow calls of Operations run in the background here and nowhere else.
// GUI thread. Operations outlive the session.

#include "engine/cluster/operations.h"

#include <QObject>

namespace ui {

class Session : public QObject
{
    Q_OBJECT
public:
    explicit Session(engine::Operations &operations, QObject *parent = nullptr);
    ~Session() override;

    [[nodiscard]] engine::Operations &operations() { return m_operations; }
    /// The newest recording being written, or null. Follows the recorder to a new file by itself.
    [[nodiscard]] engine::Timeline *live() { return m_live.get(); }
    [[nodiscard]] const engine::RunProgress &progress() const { return m_progress; }
    [[nodiscard]] const std::vector<engine::DrillSummary> &drills() const { return m_drills; }
    [[nodiscard]] const std::vector<engine::RecordingSummary> &recordings() const
    {
        return m_recordings;
    }
    [[nodiscard]] const std::vector<engine::Check> &checks() const { return m_checks; }
    /// Absent until first known.
    [[nodiscard]] const std::optional<engine::ShopStatus> &shop() const { return m_shop; }
    [[nodiscard]] const QString &shopProblem() const { return m_shopProblem; }
    [[nodiscard]] bool listsKnown() const { return m_listsKnown; }

    /// Cheap; from the page timer.
    void pulse();
    void reloadLists();
    void reloadShop();

Q_SIGNALS:
    void listsChanged();
    void shopChanged();
    void liveChanged();
    void runFinished(const QString &recording, const QString &error);

private:
    engine::Operations &m_operations;
    std::unique_ptr<engine::Timeline> m_live;
    std::string m_livePath;
    engine::RunProgress m_progress;
    std::vector<engine::DrillSummary> m_drills;
    std::vector<engine::RecordingSummary> m_recordings;
    std::vector<engine::Check> m_checks;
    std::optional<engine::ShopStatus> m_shop;
    QString m_shopProblem;
    bool m_listsKnown = false, m_loadingLists = false, m_loadingShop = false;
};

} // namespace ui
