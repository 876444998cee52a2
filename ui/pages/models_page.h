#pragma once
// Models & training: the packages of the shop from trained to retired, with promote and roll back;
// the retraining that is on, step by step, and what the golden set says meanwhile.

#include "ui/pages/page.h"
#include "ui/session/run_facts.h"

class QLabel;
class QPushButton;
class QTableView;

namespace engine {
struct ModelSummary;
}

namespace ui {

class RegistryModel;
class RetrainModel;
class Session;
class StageStrip;
class TimeSeriesView;

class ModelsPage : public Page
{
    Q_OBJECT
public:
    explicit ModelsPage(Session &session, QWidget *parent = nullptr);
    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;

    /// The commands of this page, on the selected version. They do nothing when they may not.
    void retrain();
    void promote();
    void rollBack();

Q_SIGNALS:
    /// A sentence for the status bar.
    void said(const QString &text);
    /// The buttons: whoever owns the commands runs them.
    void retrainAsked();
    void promoteAsked();
    void rollBackAsked();

private:
    QWidget *buildTraining();
    QWidget *buildRegistry();
    void reloadModels();
    void showSteps();
    void showGolden();
    void showActs();
    [[nodiscard]] const engine::ModelSummary *selected() const;
    void afterAct(const QString &good, bool isGood, const QString &problem);

    Session &m_session;
    FactReader m_reader;
    RegistryModel *m_models = nullptr;
    RetrainModel *m_steps = nullptr;
    QTableView *m_table = nullptr, *m_stepTable = nullptr;
    StageStrip *m_strip = nullptr;
    TimeSeriesView *m_golden = nullptr;
    QLabel *m_stepsEmpty = nullptr, *m_goldenText = nullptr, *m_modelsEmpty = nullptr,
           *m_trainingState = nullptr;
    QPushButton *m_retrain = nullptr, *m_promote = nullptr, *m_rollBack = nullptr;
    bool m_loading = false;
    int m_ticks = 0;
};

} // namespace ui
