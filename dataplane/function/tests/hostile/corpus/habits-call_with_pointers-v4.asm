# hook call
f0:
    ldxdw %r6, [%r1+8]
    ldxdw %r7, [%r1]
    mov %r1, %r7
    mov %r2, %r6
    call local f1
    sub %r6, %r7
    mov %r1, %r10
    add %r1, -16
    mov %r2, %r0
    mov %r3, %r6
    call local f2
    ldxdw %r1, [%r10-16]
    ldxdw %r0, [%r10-8]
    xor %r0, %r1
    exit
f1:
    mov %r0, 0
    add %r1, 4
    jgt %r1, %r2, i22
i18:
    ldxw %r3, [%r1-4]
    add %r0, %r3
    add %r1, 4
    jle %r1, %r2, i18
i22:
    exit
f2:
    stxdw [%r1+8], %r3
    stxdw [%r1], %r2
    exit
