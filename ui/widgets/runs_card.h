#pragma once
// "Recent runs": every recording of this workstation, newest first, with a search over drill, run,
// shop and verdict. GUI thread.

#include "engine/cluster/operations.h"

#include <QFrame>

class QLabel;
class QLineEdit;
class QTableView;

namespace ui {

class RunsModel;

class RunsCard : public QFrame
{
    Q_OBJECT
public:
    explicit RunsCard(QWidget *parent = nullptr);
    void show(std::vector<engine::RecordingSummary> runs);

Q_SIGNALS:
    void openAsked(const QString &path);

protected:
    void resizeEvent(QResizeEvent *event) override;

private:
    void filter();

    std::vector<engine::RecordingSummary> m_all;
    RunsModel *m_model = nullptr;
    QTableView *m_table = nullptr;
    QLabel *m_empty = nullptr, *m_count = nullptr, *m_hint = nullptr;
    QLineEdit *m_search = nullptr;
};

/// Every word of `text` occurs somewhere in what the table says about the run. Pure.
[[nodiscard]] bool matches(const engine::RecordingSummary &run, const QString &text);

} // namespace ui
