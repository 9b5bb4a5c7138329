# hook call
f0:
    mov %r6, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r7, [%r1]
    mov %r1, %r7
    add %r1, 24
    jgt %r1, %r2, i23
    ldxw %r3, [%r7+16]
    lsh %r3, 4
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r7
    mov %r2, 16
    call 1
    ldxdw %r1, [%r10-16]
    ldxdw %r6, [%r10-8]
    sub %r6, %r1
    rsh %r6, 4
    ldxw %r2, [%r7+20]
    jlt %r6, %r2, i20
    mov %r6, %r2
i20:
    mov %r2, %r6
    lsh %r2, 4
    call 8
i23:
    mov %r0, %r6
    exit
